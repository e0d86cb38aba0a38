// Elements out of plain text. Nothing here, or anywhere on this page, ever makes markup of a string.

/** An element with attributes and children; a child that is text stays text, one that is null is left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A link to another view of this page, which page.js follows without loading it anew. */
export function inside(path, attributes, ...children) {
  return el("a", { href: path, "data-inside": true, ...attributes }, ...children);
}

/** A button that does something. */
export function button(act, attributes, ...children) {
  const element = el("button", { type: "button", ...attributes }, ...children);
  element.addEventListener("click", act);
  return element;
}

/** What a span did: its op, quietly, and its name. */
export function named(op, name) {
  const shown = el("span", { class: "name" }, name || op || "(no name)");
  return op && name && op !== name ? [el("span", { class: "op" }, op), shown] : [shown];
}

/** A key and what it does. */
export function key(name, does) {
  return el("span", { class: "key" }, el("kbd", {}, name), does);
}

/** Whether keys that are pressed now are meant for what one writes in. */
export function isWriting() {
  const at = document.activeElement;
  return at instanceof HTMLInputElement && at.type !== "checkbox";
}

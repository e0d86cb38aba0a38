// Any data, readable: short values beside their names, nested ones below each other.

import { el } from "./build.js";

const LONG = 80;

/** A part of the details: a heading and what is below it; nothing when there is nothing below. */
export function part(title, ...children) {
  const shown = children.flat().filter(Boolean);
  return shown.length ? el("section", { class: "part-of" }, el("h3", {}, title), ...shown) : null;
}

/** Names and values; null when there are none. */
export function table(values) {
  const pairs = Object.entries(values ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!pairs.length) return null;
  return el("dl", { class: "values" }, pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, shown(value))]));
}

/** Lines of code or of JSON. */
export function lines(text) {
  return el("pre", { class: "lines" }, text);
}

/** One value. */
export function shown(value) {
  if (value instanceof Node) return value;
  if (value === null || value === undefined) return el("span", { class: "nothing" }, "none");
  if (typeof value === "string") return value.includes("\n") ? lines(value) : el("span", { class: "text" }, value);
  if (typeof value !== "object") return el("span", { class: "number" }, String(value));
  const flat = JSON.stringify(value);
  return flat.length <= LONG ? el("code", {}, flat) : lines(JSON.stringify(value, null, 2));
}

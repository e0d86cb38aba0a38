// The rows of a trace beside a time axis. Only those in sight are elements, so a trace may have many thousands.

import { el, named } from "./build.js";
import { covered, isFailed } from "./tree.js";
import { duration, tick } from "./words.js";

const HEIGHT = 26;
const BEYOND = 12;
const INDENT = 14;
const DEEPEST = 16;
const COLORS = 8;
const TICK_EVERY = 110;
const STEPS = [1, 2, 5];

export class Waterfall {
  #shown = [];
  #drawing = 0;
  #selected = null;
  #wanted = "";

  /** `chosen(row, isOpening)` is called when the reader chooses a row. */
  constructor(chosen) {
    this.chosen = chosen;
    this.axis = el("div", { class: "axis", "aria-hidden": "true" });
    this.sheet = el("div", { class: "sheet" });
    this.scroller = el(
      "div",
      { class: "rows", role: "tree", tabindex: "0", "aria-label": "Spans" },
      this.sheet,
    );
    this.head = el(
      "div",
      { class: "columns" },
      el("span", { class: "label" }, "Span"),
      el("span", { class: "took" }, "Took"),
      this.axis,
    );
    this.element = el("section", { class: "waterfall", "aria-label": "Waterfall" }, this.head, this.scroller);
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    this.scroller.addEventListener("click", (event) => this.#clicked(event));
    this.scroller.addEventListener("dblclick", (event) => this.#zoomedBy(event));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.scroller);
  }

  close() {
    cancelAnimationFrame(this.#drawing);
    this.resized.disconnect();
  }

  /** Show a tree; `processes` are the names of its processes. */
  show(tree, whole, processes) {
    const isSame = this.whole === whole;
    this.tree = tree;
    this.whole = whole;
    this.processes = processes;
    if (!isSame) this.zoom();
    this.#selected = this.#selected ? (tree.byKey.get(this.#selected.key) ?? null) : null;
    this.refresh();
  }

  /** After rows were opened or closed. */
  refresh() {
    this.#shown = this.tree.visible();
    this.#shown.forEach((row, line) => (row.line = line));
    this.sheet.style.height = `${this.#shown.length * HEIGHT}px`;
    this.draw();
  }

  get selected() {
    return this.#selected;
  }

  /** The row so many lines below the selected one, or the nearest there is. */
  beside(step) {
    const shown = this.#shown;
    const at = this.#selected ? shown.indexOf(this.#selected) + step : 0;
    return shown[Math.max(0, Math.min(shown.length - 1, at))];
  }

  /** How many rows are in sight. */
  get page() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / HEIGHT) - 1);
  }

  select(row) {
    this.#selected = row;
    if (row) {
      this.tree.reveal(row);
      this.refresh();
      const top = row.line * HEIGHT;
      const { scrollTop, clientHeight } = this.scroller;
      if (top < scrollTop) this.scroller.scrollTop = top;
      else if (top + HEIGHT > scrollTop + clientHeight) this.scroller.scrollTop = top + HEIGHT - clientHeight;
    }
    this.draw();
  }

  /** Mark the rows that have this text. */
  mark(passes) {
    this.#wanted = passes;
    this.draw();
  }

  /** Show only the time of a row; without one, all of it. */
  zoom(row = null) {
    const room = row && row.took > 0 ? row.took * 0.04 : 0;
    this.from = row && row.took > 0 ? Math.max(0, row.start - room) : 0;
    this.to = row && row.took > 0 ? Math.min(this.whole, row.start + row.took + room) : this.whole;
    this.isZoomed = this.from > 0 || this.to < this.whole;
    if (this.tree) this.draw();
  }

  /** Draw before the next frame. */
  draw() {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(() => this.tree && this.#draw());
  }

  #draw() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / HEIGHT) - BEYOND);
    const last = Math.min(this.#shown.length, Math.ceil((scrollTop + clientHeight) / HEIGHT) + BEYOND);
    this.head.style.paddingInlineEnd = `${this.scroller.offsetWidth - this.scroller.clientWidth}px`;
    this.width = this.axis.clientWidth;
    this.#drawAxis();
    this.sheet.replaceChildren(...this.#shown.slice(first, last).map((row) => this.#row(row)));
    const current = this.#selected && this.sheet.querySelector("[aria-selected=true]");
    if (current) this.scroller.setAttribute("aria-activedescendant", current.id);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  #share(time) {
    const span = this.to - this.from;
    return span > 0 ? (time - this.from) / span : 0;
  }

  #drawAxis() {
    const span = this.to - this.from;
    const step = roundStep((span * TICK_EVERY) / Math.max(this.width, 1));
    const marks = [];
    for (let n = Math.ceil(this.from / step - 1e-9); span > 0 && n * step <= this.to && marks.length < 50; n++) {
      const share = this.#share(n * step);
      if (share > 0.97 && share < 1) continue;
      const mark = el("span", { class: share > 0.94 ? "tick end" : "tick" }, tick(n * step, step, this.to));
      mark.style.left = `${share * 100}%`;
      marks.push(mark);
    }
    this.axis.replaceChildren(...marks);
    this.sheet.style.setProperty("--step", span > 0 ? `${(step / span) * 100}%` : "100%");
    this.gridStep = span > 0 ? (step / span) * this.width : this.width;
    this.gridStart = span > 0 ? -((this.from % step) / span) * this.width : 0;
  }

  #row(row) {
    const isClosed = this.tree.isClosed(row);
    const classes = ["row", row.error ? "error-row" : "span-row"];
    if (row.error ? ["error", "fatal"].includes(row.level) : isFailed(row)) classes.push("failed");
    if (this.#wanted) classes.push(this.#wanted(row) ? "found" : "passed");
    const element = el(
      "div",
      {
        class: classes.join(" "),
        role: "treeitem",
        id: `row-${row.at}`,
        "data-at": row.at,
        "aria-level": row.depth + 1,
        "aria-selected": row === this.#selected ? "true" : "false",
        "aria-expanded": row.children.length ? String(!isClosed) : null,
        "aria-setsize": row.parent ? row.parent.children.length : null,
        "aria-posinset": row.place,
      },
      this.#label(row, isClosed),
      el("span", { class: "took" }, row.error ? "" : duration(row.took)),
      this.#lane(row),
    );
    element.style.top = `${row.line * HEIGHT}px`;
    return element;
  }

  #label(row, isClosed) {
    const label = el("span", { class: "label" });
    const indent = Math.min(row.depth, DEEPEST);
    label.style.setProperty("--indent", `${indent * INDENT}px`);
    if (row.depth > DEEPEST) label.append(el("span", { class: "depth", title: `${row.depth} levels deep` }, `${row.depth}`));
    const turn = row.children.length ? (isClosed ? "turn closed" : "turn open") : "turn";
    label.append(el("span", { class: turn, "aria-hidden": "true" }));
    if (row.error) {
      label.append(el("span", { class: `sign ${row.level}`, "aria-hidden": "true" }), el("span", { class: "name", title: row.name }, row.name));
      return label;
    }
    if (row.orphan) label.append(el("span", { class: "mark", title: "The span that caused this one is not in this store." }, "⋯"));
    if (row.root && this.processes.length > 1 && row.process !== row.parent?.process) {
      label.append(el("span", { class: `process ${color(row.process)}` }, this.processes[row.process] ?? ""));
    }
    label.append(...named(row.op, row.name));
    label.title = [row.op, row.name].filter(Boolean).join(" ");
    if (row.folded) label.append(el("span", { class: "mark strong", title: `${row.folded} spans in a row, folded into one` }, `×${row.folded.toLocaleString("en")}`));
    if (row.late) label.append(el("span", { class: "mark", title: "It ended after its transaction and was delivered by itself." }, "late"));
    if (isClosed) label.append(el("span", { class: "mark strong" }, `+${this.tree.below(row).toLocaleString("en")}`));
    return label;
  }

  #lane(row) {
    const lane = el("span", { class: "lane" });
    lane.style.setProperty("--grid-step", `${this.gridStep}px`);
    lane.style.setProperty("--grid-start", `${this.gridStart}px`);
    const start = this.#share(row.start);
    if (row.error) {
      if (start >= 0 && start <= 1) lane.append(placed(el("span", { class: `dot ${row.level}` }), start));
      return lane;
    }
    const end = this.#share(row.start + row.took);
    if (end < 0 || start > 1) {
      lane.append(el("span", { class: end < 0 ? "outside before" : "outside after", "aria-hidden": "true" }));
      return lane;
    }
    const [from, to] = [Math.max(0, start), Math.min(1, end)];
    const bar = el("span", { class: `span-bar ${color(row.process)}${row.folded ? " folded" : ""}${row.late ? " late" : ""}` });
    placed(bar, from);
    bar.style.width = `${(to - from) * 100}%`;
    if (row.children.length) bar.append(...this.#waiting(row, from, to));
    lane.append(bar);
    if (row.status) lane.append(this.#said(row.status.replaceAll("_", " "), from, to));
    return lane;
  }

  /** Pale where a part of the span was at work, so that what is left is its own. */
  #waiting(row, from, to) {
    const pixels = this.width * (to - from);
    if (pixels < 6) return [];
    const parts = [];
    for (const [start, end] of covered(row)) {
      const [first, last] = [this.#share(start), this.#share(end)].map((at) => ((Math.min(to, Math.max(from, at)) - from) / (to - from)) * pixels);
      const before = parts.at(-1);
      if (before && first - before[1] < 1) before[1] = last;
      else if (last > first) parts.push([first, last]);
    }
    return parts.map(([first, last]) => {
      const part = el("span", { class: "part" });
      part.style.left = `${first}px`;
      part.style.width = `${last - first}px`;
      return part;
    });
  }

  /** A word beside a bar, where there is room for it. */
  #said(text, from, to) {
    const word = el("span", { class: "said" }, text);
    const need = (text.length * 7 + 16) / Math.max(this.width, 1);
    if (1 - to > need) word.style.left = `${to * 100}%`;
    else if (from > need) word.style.right = `${(1 - from) * 100}%`;
    else {
      word.classList.add("inside");
      word.style.right = `${(1 - to) * 100}%`;
    }
    return word;
  }

  #of(event) {
    const element = event.target.closest(".row");
    return element ? this.tree.rows[Number(element.dataset.at)] : null;
  }

  #clicked(event) {
    const row = this.#of(event);
    if (!row) return;
    if (event.target.closest(".turn") && row.children.length) {
      if (this.tree.isClosed(row)) this.tree.open(row);
      else this.tree.close(row);
      this.refresh();
      return;
    }
    this.chosen(row, true);
  }

  #zoomedBy(event) {
    const row = this.#of(event);
    if (row?.id && event.target.closest(".lane")) this.zoom(row);
  }
}

/** The class that has a process's colour. */
export function color(process) {
  return `p${process % COLORS}`;
}

function placed(element, share) {
  element.style.left = `${share * 100}%`;
  return element;
}

function roundStep(least) {
  if (!(least > 0)) return 1;
  for (const step of [60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400]) if (least > 30 && least <= step) return step;
  const power = 10 ** Math.floor(Math.log10(least));
  for (const digit of STEPS) if (power * digit >= least * 0.999) return power * digit;
  return power * 10;
}

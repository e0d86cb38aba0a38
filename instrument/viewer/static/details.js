// All about one row: a span with its data and errors, or an error with its stack.

import { Question, Refused } from "./answers.js";
import { button, el, named } from "./build.js";
import { crumbs } from "./crumbs.js";
import { exceptions } from "./failure.js";
import { isFailed, own } from "./tree.js";
import { lines, part, shown, table } from "./values.js";
import { duration, exactly } from "./words.js";

const REST = 90;

export class Details {
  #asked = null;
  #rest = 0;

  /** `jump(key)` goes to another row, `close()` is called when the reader has seen enough. */
  constructor(trace, jump, close) {
    this.trace = trace;
    this.jump = jump;
    this.body = el("div", { class: "body", tabindex: "0" });
    this.heading = el("h2", { class: "what" });
    this.element = el(
      "aside",
      { class: "details", "aria-label": "Details", hidden: true },
      el("header", {}, this.heading, button(close, { class: "close", "aria-label": "Close details" }, "✕")),
      this.body,
    );
  }

  /** How long the whole trace took, in seconds. */
  whole = 0;

  get isOpen() {
    return !this.element.hidden;
  }

  hide() {
    this.#asked?.abort();
    clearTimeout(this.#rest);
    this.row = null;
    this.element.hidden = true;
  }

  /** Show a row. Rows that are only passed by are not asked for. */
  show(row) {
    if (this.isOpen && this.row?.key === row.key) return;
    const wait = this.isOpen ? REST : 0;
    this.row = row;
    this.element.hidden = false;
    this.heading.replaceChildren(...named(row.op, row.name));
    this.#asked?.abort();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#load(row), wait);
  }

  async #load(row) {
    const asked = (this.#asked = new AbortController());
    const what = row.id ? `span=${encodeURIComponent(row.id)}` : `error=${encodeURIComponent(row.error)}`;
    try {
      const found = await new Question().ask(`/api/traces/${this.trace}?${what}`, asked.signal);
      const parts = row.id ? this.#span(row, found) : this.#error(found);
      if (row.id) this.heading.replaceChildren(...named(found.op, found.name));
      else this.heading.replaceChildren(el("span", { class: "name" }, found.title));
      this.body.replaceChildren(...parts.filter(Boolean));
      this.body.scrollTop = 0;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error;
      this.body.replaceChildren(el("p", { class: "notice" }, error.message));
    }
  }

  #span(row, span) {
    return [
      el("p", { class: "pills" }, status(row, span.status), span.process ? el("span", { class: "pill" }, span.pid ? `${span.process} · ${span.pid}` : span.process) : null, row.folded ? el("span", { class: "pill" }, `${row.folded.toLocaleString("en")} spans folded into one`) : null),
      span.is_orphan ? el("p", { class: "hint" }, "The span that caused this one is not in this store.") : null,
      row.late ? el("p", { class: "hint" }, "It was still open when its transaction ended, and was delivered by itself.") : null,
      span.clock_shift ? el("p", { class: "hint" }, `Moved by ${duration(Math.abs(span.clock_shift))}: the clock of its process was off.`) : null,
      part("Time", table(this.#times(row, span))),
      ...span.errors.map((error) => part("Error", this.#toError(error), ...exceptions(error))),
      part("Data", table(span.data)),
      part("Measurements", table(measured(span.measurements))),
      part("Tags", table(span.tags)),
      ...(span.event ? happenings(span.event, ["tags"]) : []),
      part("Ids", table({ span: span.span_id, parent: span.parent_span_id, transaction: span.is_root ? span.event_id : this.#toRoot(row, span.root), origin: span.origin })),
    ];
  }

  #times(row, span) {
    const { whole } = this;
    const alone = own(row);
    return {
      started: exactly(span.start),
      "into the trace": duration(row.start),
      took: duration(row.took) + (whole > 0 ? ` (${share(row.took / whole)} of the trace)` : ""),
      "of which itself": row.children.some((child) => child.id) ? `${duration(alone)} (${share(row.took ? alone / row.took : 0)})` : null,
    };
  }

  #toError(error) {
    return button(() => this.jump(`error:${error.event_id}`), { class: "quiet" }, "All about this error");
  }

  #toRoot(row, root) {
    return root ? button(() => this.jump(root), { class: "quiet" }, "Go to its transaction") : null;
  }

  #error(error) {
    const where = error.span_id ? button(() => this.jump(error.span_id), { class: "quiet" }, "Go to the span it happened in") : null;
    return [
      el("p", { class: "pills" }, el("span", { class: ["error", "fatal"].includes(error.level) ? "pill bad" : "pill" }, error.level), el("span", { class: "pill" }, exactly(error.time))),
      where,
      error.message ? lines(String(error.message)) : null,
      ...exceptions(error),
      ...happenings(error.event, []),
      part("Ids", table({ event: error.event_id, span: error.span_id })),
    ];
  }
}

/** What came with the event: the request, who was served, what went before, and where it ran. */
function happenings(event, without) {
  const told = { ...event };
  for (const name of without) delete told[name];
  const { request, user, breadcrumbs, tags, contexts, extra, ...others } = told;
  return [
    part("Request", ...requested(request)),
    part("User", table(user)),
    part("Tags", table(tags)),
    part("Breadcrumbs", crumbs(breadcrumbs)),
    part("Extra", table(extra)),
    ...Object.entries(contexts ?? {}).map(([name, values]) => part(title(name), values && typeof values === "object" ? table(values) : shown(values))),
    part("Program", table(others)),
  ];
}

function requested(request) {
  if (!request) return [];
  const { method, url, headers, ...others } = request;
  const list = Array.isArray(headers) ? Object.fromEntries(headers.filter(Array.isArray)) : headers;
  return [el("p", { class: "request" }, el("strong", {}, String(method ?? "")), " ", String(url ?? "")), table(others), table(list)];
}

function status(row, said) {
  if (!said) return isFailed(row) ? el("span", { class: "pill bad" }, "error") : null;
  return el("span", { class: row.status ? "pill bad" : "pill good" }, said.replaceAll("_", " "));
}

function measured(found) {
  return Object.fromEntries(Object.entries(found ?? {}).map(([name, one]) => [name, one && typeof one === "object" ? `${one.value} ${one.unit ?? ""}`.trim() : one]));
}

function share(part) {
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
}

function title(name) {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}

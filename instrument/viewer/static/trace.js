// One trace: what it was, its waterfall, and beside it all about the row that is chosen.

import { Question, Refused } from "./answers.js";
import { button, el, inside, isWriting, key, named } from "./build.js";
import { Details } from "./details.js";
import { Poll } from "./poll.js";
import { Tree, has, isFailed } from "./tree.js";
import { Waterfall, color } from "./waterfall.js";
import { duration, exactly, moment, quantity } from "./words.js";

const MANY = 5000;

export class TraceView {
  #question = new Question();
  #tree = null;

  constructor(place, id, go) {
    this.id = id;
    this.go = go;
    this.place = place;
    document.title = "Trace";
    this.waterfall = new Waterfall((row, isOpening) => this.#choose(row, isOpening));
    this.details = new Details(id, (key) => this.#jump(key), () => this.#closeDetails());
    this.title = el("h1", {}, "…");
    this.facts = el("p", { class: "facts" });
    this.legend = el("ul", { class: "legend", "aria-label": "Processes" });
    this.notes = el("div", { class: "notes" });
    this.notice = el("p", { class: "notice", role: "status", hidden: true });
    this.search = el("input", { type: "search", placeholder: "Find a span", "aria-label": "Find a span", spellcheck: "false", autocomplete: "off" });
    this.found = el("span", { class: "count", role: "status" });
    this.errors = button(() => this.#nextError(), { class: "bad", hidden: true }, "Next error");
    this.whole = button(() => this.#zoom(null), { hidden: true }, "Whole time");
    this.fold = button(() => this.#fold(), {}, "Collapse");
    place.replaceChildren(
      el(
        "header",
        { class: "bar" },
        inside(backTo(), { class: "back", "aria-label": "All traces" }, "←"),
        el("div", { class: "heading" }, this.title, this.facts),
        this.legend,
      ),
      el("div", { class: "tools" }, el("div", { class: "find", role: "search" }, this.search, el("kbd", {}, "/")), this.found, this.errors, this.fold, this.whole),
      this.notice,
      el("div", { class: "sides" }, this.waterfall.element, this.details.element),
      el(
        "footer",
        { class: "foot" },
        this.notes,
        el("span", {}, key("↑ ↓", "move"), key("← →", "close, open"), key("Enter", "details"), key("z", "zoom"), key("/", "find"), key("Esc", "back")),
      ),
    );
    this.search.addEventListener("input", () => this.#searched());
    this.poll = new Poll((signal) => this.#load(signal));
  }

  close() {
    this.poll.stop();
    this.waterfall.close();
  }

  pressed(key, event) {
    if (isWriting()) return this.#keyInSearch(key, event);
    if (!this.#tree) return key === "Escape" && (this.go(backTo()), true);
    const onControl = document.activeElement?.closest("button, a, summary, .details");
    if (onControl && ["Enter", " "].includes(key)) return false;
    if (document.activeElement?.closest(".details") && key.startsWith("Arrow")) return false;
    const act = this.#acts()[key];
    if (!act) return false;
    act();
    return true;
  }

  #acts() {
    const { waterfall } = this;
    const to = (step) => () => this.#choose(waterfall.beside(step), false);
    return {
      ArrowDown: to(1),
      ArrowUp: to(-1),
      PageDown: to(waterfall.page),
      PageUp: to(-waterfall.page),
      Home: to(-Infinity),
      End: to(Infinity),
      ArrowRight: () => this.#inwards(),
      ArrowLeft: () => this.#outwards(),
      Enter: () => waterfall.selected && this.#choose(waterfall.selected, true),
      " ": () => waterfall.selected && this.#choose(waterfall.selected, true),
      Escape: () => this.#back(),
      "/": () => this.search.focus(),
      n: () => this.#next(1),
      N: () => this.#next(-1),
      e: () => this.#nextError(),
      z: () => this.#zoom(waterfall.selected),
      Z: () => this.#zoom(null),
    };
  }

  #keyInSearch(key, event) {
    if (key === "Escape") {
      this.search.value = "";
      this.#searched();
      this.search.blur();
      this.waterfall.scroller.focus();
    } else if (key === "Enter" || key === "ArrowDown" || key === "ArrowUp") {
      this.#next(key === "ArrowUp" || event.shiftKey ? -1 : 1);
    } else {
      return false;
    }
    return true;
  }

  async #load(signal) {
    try {
      const trace = await this.#question.ask(`/api/traces/${this.id}`, signal);
      if (trace) this.#show(trace);
      this.#say("");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#question.forget();
      this.#say(error.message);
    }
  }

  #say(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  #show(trace) {
    const tree = new Tree(trace.rows);
    const isFirst = !this.#tree;
    if (!isFirst) tree.takeOver(this.#tree);
    else if (trace.rows.length > MANY) tree.closeAll(2);
    this.#tree = tree;
    this.trace = trace;
    this.details.whole = trace.duration;
    this.#head(trace);
    this.waterfall.show(tree, trace.duration, trace.processes);
    if (isFirst) {
      this.waterfall.scroller.focus();
      if (tree.rows.length) this.#choose(tree.rows[0], false);
    }
    this.#searched();
  }

  #head(trace) {
    const top = trace.rows.find((row) => row.id && !row.orphan) ?? trace.rows[0];
    this.title.replaceChildren(...named(top?.op, top?.name));
    document.title = top?.name || top?.op || "Trace";
    const errors = trace.errors ? el("span", { class: "bad" }, quantity(trace.errors, "error")) : null;
    const facts = [
      trace.spans ? el("strong", {}, duration(trace.duration)) : null,
      quantity(trace.spans, "span"),
      errors,
      el("span", { title: exactly(trace.start) }, moment(trace.start)),
      el("code", {}, trace.trace_id),
    ].filter(Boolean);
    this.facts.replaceChildren(...facts.map((fact) => el("span", { class: "fact" }, fact)));
    this.legend.hidden = trace.processes.length < 2;
    this.legend.replaceChildren(...trace.processes.map((name, n) => el("li", {}, el("span", { class: `swatch ${color(n)}` }), name)));
    this.errors.hidden = !trace.rows.some((row) => row.error || row.status);
    this.notes.replaceChildren(...notes(trace).map((text) => el("p", {}, text)));
  }

  #choose(row, isOpening) {
    if (!row) return;
    this.waterfall.select(row);
    if (isOpening || this.details.isOpen) this.details.show(row);
  }

  #jump(key) {
    const row = this.#tree.byKey.get(key);
    if (row) this.#choose(row, true);
  }

  #closeDetails() {
    this.details.hide();
    this.waterfall.scroller.focus();
    this.waterfall.draw();
  }

  #back() {
    if (this.details.isOpen) this.#closeDetails();
    else if (this.waterfall.isZoomed) this.#zoom(null);
    else if (this.search.value) {
      this.search.value = "";
      this.#searched();
    } else this.go(backTo());
  }

  #inwards() {
    const row = this.waterfall.selected;
    if (!row) return;
    if (this.#tree.isClosed(row)) {
      this.#tree.open(row);
      this.waterfall.refresh();
    } else if (row.children.length) this.#choose(row.children[0], false);
  }

  #outwards() {
    const row = this.waterfall.selected;
    if (!row) return;
    if (row.children.length && !this.#tree.isClosed(row)) {
      this.#tree.close(row);
      this.waterfall.refresh();
    } else if (row.parent) this.#choose(row.parent, false);
  }

  #fold() {
    const isOpen = this.#tree?.rows.some((row) => row.depth >= 1 && row.children.length && !this.#tree.isClosed(row));
    if (isOpen) this.#tree.closeAll(1);
    else this.#tree?.openAll();
    this.waterfall.refresh();
    this.fold.textContent = isOpen ? "Expand" : "Collapse";
  }

  #zoom(row) {
    this.waterfall.zoom(row);
    this.whole.hidden = !this.waterfall.isZoomed;
  }

  #wanted() {
    const text = this.search.value.trim().toLowerCase();
    return text ? (row) => has(row, text) : null;
  }

  #searched() {
    const wanted = this.#wanted();
    this.waterfall.mark(wanted);
    const count = wanted && this.#tree ? this.#tree.rows.filter(wanted).length : 0;
    this.found.textContent = wanted ? `${count.toLocaleString("en")} found` : "";
  }

  #next(step) {
    const wanted = this.#wanted();
    if (wanted) this.#choose(this.#tree?.next(this.waterfall.selected?.at ?? -1, wanted, step), false);
  }

  #nextError() {
    this.#choose(this.#tree?.next(this.waterfall.selected?.at ?? -1, (row) => row.error || (row.status && isFailed(row))), true);
  }
}

/** The list as it was left. */
function backTo() {
  return sessionStorage.getItem("list") ?? "/";
}

/** What the picture cannot say by itself. */
function notes(trace) {
  const said = [];
  if (trace.left_out) said.push(`${quantity(trace.left_out, "row")} more than can be shown here; instrument show ${trace.trace_id.slice(0, 8)} --all has them.`);
  const orphans = trace.rows.filter((row) => row.orphan).length;
  if (orphans) said.push(`⋯ marks ${quantity(orphans, "span")} whose parent is not in this store.`);
  for (const [label, shift] of Object.entries(trace.shifts)) {
    said.push(`The clock of ${label} was ${duration(Math.abs(shift))} ${shift > 0 ? "behind" : "ahead"}; its spans are moved to fit.`);
  }
  return said;
}

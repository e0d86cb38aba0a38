// The list of recent traces, which follows the store.

import { Question, Refused } from "./answers.js";
import { button, el, inside, isWriting, key, named } from "./build.js";
import { Poll } from "./poll.js";
import { duration, exactly, moment } from "./words.js";

const STEP = 100;
/** The share of the slowest trace's time from which a trace has a bar that can be read. */
const NOTABLE = 0.04;
const HEADINGS = ["Trace", "Status", "Took", "Spans", "Errors", "Processes", "Started"];
const FIRST_STEPS = `import instrument

instrument.init()
with instrument.transaction(op="task", name="first steps"):
    with instrument.span("work", "something slow"):
        ...`;

/** The path of the trace that was opened last: keys start from it. */
let last = null;

export class ListView {
  #question = new Question();
  #rows = new Map();
  #limit = STEP;
  #writing = 0;

  constructor(place, go) {
    this.go = go;
    document.title = "Traces";
    const asked = new URLSearchParams(location.search);
    this.search = el("input", {
      type: "search",
      placeholder: "Find by name, or op:db  status:internal_error  min:250ms  since:2h",
      "aria-label": "Find traces",
      spellcheck: "false",
      autocomplete: "off",
      maxlength: 1000,
    });
    this.search.value = asked.get("q") ?? "";
    this.errors = el("input", { type: "checkbox" });
    this.errors.checked = asked.get("errors") === "1";
    this.notice = el("p", { class: "notice", role: "status", hidden: true });
    this.body = el("tbody");
    this.table = el(
      "table",
      { class: "traces", hidden: true },
      el("thead", {}, el("tr", {}, HEADINGS.map((text) => el("th", { scope: "col", class: text.toLowerCase() }, text)))),
      this.body,
    );
    this.words = el("div", { class: "words", hidden: true });
    this.more = button(() => this.#showMore(), { class: "more", hidden: true }, "Show more");
    this.path = el("span", { class: "path" });
    place.replaceChildren(
      el(
        "header",
        { class: "bar" },
        el("h1", {}, "Traces"),
        el("div", { class: "find", role: "search" }, this.search, el("kbd", {}, "/")),
        el("label", { class: "switch" }, this.errors, "Only with errors"),
      ),
      el("div", { class: "list" }, this.notice, this.table, this.words, this.more),
      el("footer", { class: "foot" }, this.path, el("span", {}, key("↑ ↓", "choose"), key("Enter", "open"), key("/", "find"))),
    );
    this.search.addEventListener("input", () => {
      clearTimeout(this.#writing);
      this.#writing = setTimeout(() => this.#asked(), 200);
    });
    this.errors.addEventListener("change", () => this.#asked());
    this.body.addEventListener("click", (event) => this.#clicked(event));
    this.poll = new Poll((signal) => this.#load(signal));
  }

  close() {
    clearTimeout(this.#writing);
    this.poll.stop();
  }

  pressed(key) {
    if (key === "/" && !isWriting()) {
      this.search.select();
      this.search.focus();
    } else if (key === "Escape") {
      if (this.search.value) {
        this.search.value = "";
        this.#asked();
      }
      this.search.blur();
    } else if (key === "ArrowDown" || key === "ArrowUp") {
      return this.#move(key === "ArrowDown" ? 1 : -1);
    } else if (key === "Enter" && isWriting()) {
      this.#links()[0]?.click();
    } else {
      return false;
    }
    return true;
  }

  #links() {
    return [...this.body.querySelectorAll("a")];
  }

  #move(step) {
    const links = this.#links();
    const at = links.indexOf(document.activeElement);
    const from = links.findIndex((link) => link.pathname === last);
    const to = at >= 0 ? at + step : !isWriting() && from >= 0 ? from : 0;
    links[Math.max(0, Math.min(links.length - 1, to))]?.focus();
    return links.length > 0;
  }

  #clicked(event) {
    const link = event.target.closest("tr")?.querySelector("a");
    if (!link) return;
    last = link.pathname;
    if (!event.target.closest("a") && getSelection().isCollapsed) this.go(last);
  }

  #asked() {
    clearTimeout(this.#writing);
    this.#limit = STEP;
    const asked = this.#query();
    history.replaceState(null, "", asked ? `/?${asked}` : "/");
    sessionStorage.setItem("list", location.pathname + location.search);
    this.poll.now();
  }

  #query() {
    const asked = new URLSearchParams();
    if (this.search.value.trim()) asked.set("q", this.search.value.trim());
    if (this.errors.checked) asked.set("errors", "1");
    return asked.toString();
  }

  #showMore() {
    this.#limit += STEP;
    this.poll.now();
  }

  async #load(signal) {
    try {
      const answer = await this.#question.ask(`/api/traces?limit=${this.#limit}&${this.#query()}`, signal);
      if (answer) this.#show(answer);
      this.#say("");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#question.forget();
      this.#say(error.message, error.status === 400);
    }
  }

  #say(text, isAboutSearch = false) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
    this.search.setAttribute("aria-invalid", String(isAboutSearch));
  }

  #show(answer) {
    const { traces } = answer;
    const focused = document.activeElement?.pathname;
    const slowest = Math.max(...traces.map((trace) => trace.duration));
    const rows = new Map();
    for (const trace of traces) {
      const said = JSON.stringify([trace, slowest]);
      const known = this.#rows.get(trace.trace_id);
      rows.set(trace.trace_id, known?.said === said ? known : { said, row: row(trace, slowest) });
    }
    this.#rows = rows;
    this.body.replaceChildren(...[...rows.values()].map((known) => known.row));
    if (focused?.startsWith("/trace/")) this.#links().find((link) => link.pathname === focused)?.focus();
    this.table.hidden = !traces.length;
    this.more.hidden = !answer.has_more || answer.limit >= answer.most;
    this.path.textContent = answer.path;
    this.words.hidden = traces.length > 0;
    if (!traces.length) this.words.replaceChildren(...(answer.is_empty ? beginning(answer.path) : nothingFits()));
  }
}

function row(trace, slowest) {
  const status = trace.status && !["ok", "success"].includes(trace.status) ? trace.status : "";
  const [first, ...others] = trace.processes;
  const bar = el("span", { class: "share", "aria-hidden": "true" });
  const share = slowest > 0 ? trace.duration / slowest : 0;
  bar.style.width = share > NOTABLE ? `${share * 84}px` : "0";
  const path = `/trace/${trace.trace_id}`;
  return el(
    "tr",
    { class: status || trace.errors ? "failed" : null },
    el("th", { scope: "row", class: "trace" }, inside(path, { title: trace.name }, ...named(trace.op, trace.name))),
    el("td", { class: "status" }, status ? el("span", { class: "pill bad" }, status.replaceAll("_", " ")) : trace.status ?? ""),
    el("td", { class: "took" }, trace.spans ? duration(trace.duration) : "–", bar),
    el("td", { class: "spans" }, trace.spans.toLocaleString("en")),
    el("td", { class: "errors" }, trace.errors ? trace.errors.toLocaleString("en") : ""),
    el("td", { class: "processes", title: trace.processes.join(", ") }, first ?? "", others.length ? ` +${others.length}` : ""),
    el("td", { class: "started", title: exactly(trace.start) }, moment(trace.start)),
  );
}

function beginning(path) {
  return [
    el("h2", {}, "Nothing has been recorded yet"),
    el("p", {}, "Traces will appear here by themselves as soon as a program writes them to ", el("code", {}, path), "."),
    el("pre", {}, FIRST_STEPS),
    el("p", {}, "Or trace a program as it is: ", el("code", {}, "instrument run program.py"), ". Or see a real one: ", el("code", {}, "instrument demo"), "."),
  ];
}

function nothingFits() {
  return [
    el("h2", {}, "No trace fits"),
    el("p", {}, "Words are looked for in the names of spans; ", el("code", {}, "*"), " stands for any characters. ", el("code", {}, "op:"), ", ", el("code", {}, "status:"), ", ", el("code", {}, "min:"), " and ", el("code", {}, "since:"), " narrow it down. Escape shows all."),
  ];
}

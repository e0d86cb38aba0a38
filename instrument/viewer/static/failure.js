// An error: what was raised, what caused it, and the frames with their lines and locals.

import { el } from "./build.js";
import { table } from "./values.js";

/** Exceptions of an event, the raised one first, each with its stack. */
export function exceptions(error) {
  const chain = [...(error.exceptions ?? [])].reverse();
  const shown = chain.map((one, n) => exception(one, n));
  if (error.stack?.length) shown.push(stack(error.stack));
  return shown;
}

function exception(one, n) {
  const how = one.mechanism ?? {};
  const before = n === 0 ? null : el("p", { class: "cause" }, relation(how.source));
  return el(
    "article",
    { class: "exception" },
    before,
    el("h3", {}, el("span", { class: "kind" }, String(one.type ?? "Error")), one.value ? el("span", { class: "value" }, String(one.value)) : null),
    n === 0 && how.handled === false ? el("p", { class: "unhandled" }, "Not handled by the program") : null,
    stack(one.stacktrace?.frames),
  );
}

function relation(source) {
  if (source === "__cause__") return "caused by";
  if (source === "__context__") return "raised while this was handled";
  return source ? `from ${source}` : "caused by";
}

/** Frames, the innermost first and open; those of libraries are quiet. */
function stack(frames) {
  if (!Array.isArray(frames) || !frames.length) return null;
  const inner = [...frames].reverse().filter((frame) => frame && typeof frame === "object");
  const opened = inner.findIndex((frame) => frame.in_app) < 0 ? 0 : inner.findIndex((frame) => frame.in_app);
  return el("div", { class: "stack" }, inner.map((one, n) => frame(one, n === opened)));
}

function frame(one, isOpen) {
  const place = `${one.filename ?? one.abs_path ?? "?"}:${one.lineno ?? "?"}`;
  const vars = table(one.vars);
  return el(
    "details",
    { class: one.in_app ? "frame own" : "frame", open: isOpen },
    el("summary", {}, el("span", { class: "function" }, String(one.function ?? "?")), el("span", { class: "place", title: one.abs_path }, place)),
    source(one),
    vars ? el("div", { class: "locals" }, el("h4", {}, "Locals"), vars) : null,
  );
}

function source(one) {
  if (typeof one.context_line !== "string") return null;
  const before = listed(one.pre_context);
  const after = listed(one.post_context);
  const first = (one.lineno ?? 1) - before.length;
  const every = [...before, one.context_line, ...after];
  return el(
    "ol",
    { class: "source", start: first },
    every.map((text, n) => {
      const line = el("li", { class: n === before.length ? "here" : null }, el("span", { class: "no" }, String(first + n)), el("code", {}, text || " "));
      return line;
    }),
  );
}

function listed(lines) {
  return Array.isArray(lines) ? lines.map(String) : [];
}

// What went before: breadcrumbs, oldest first.

import { el } from "./build.js";
import { shown, table } from "./values.js";

/** The list of breadcrumbs; null when there are none. */
export function crumbs(found) {
  if (!Array.isArray(found) || !found.length) return null;
  return el("ol", { class: "crumbs" }, found.filter((crumb) => crumb && typeof crumb === "object").map(line));
}

function line(crumb) {
  const data = crumb.data && typeof crumb.data === "object" ? table(crumb.data) : null;
  return el(
    "li",
    { class: ["error", "fatal", "warning"].includes(crumb.level) ? crumb.level : null },
    el("time", {}, time(crumb.timestamp)),
    el("span", { class: "category" }, String(crumb.category ?? crumb.type ?? "")),
    crumb.message ? el("span", { class: "message" }, shown(String(crumb.message))) : null,
    data,
  );
}

function time(given) {
  const at = new Date(typeof given === "number" ? given * 1000 : String(given ?? ""));
  return Number.isNaN(at.getTime()) ? "" : at.toTimeString().slice(0, 8) + `.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

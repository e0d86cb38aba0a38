// Which view is shown: the path says it, and every link between views is followed in place.

import { ListView } from "./list.js";
import { TraceView } from "./trace.js";

const place = document.getElementById("page");
let view = null;

function show() {
  view?.close();
  const trace = /^\/trace\/([0-9a-f]+)$/.exec(location.pathname);
  view = trace ? new TraceView(place, trace[1], go) : new ListView(place, go);
}

function go(path) {
  history.pushState(null, "", path);
  show();
}

addEventListener("popstate", show);

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a[data-inside]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

document.addEventListener("keydown", (event) => {
  if (!event.metaKey && !event.ctrlKey && !event.altKey && view.pressed(event.key, event)) event.preventDefault();
});

show();

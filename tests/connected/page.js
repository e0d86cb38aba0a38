// The script of the page: traces it as any page does, and asks the server for something.
// The query says how: `lifecycle` (stream or static), `rate` of traces begun here, `traceparent` to send that as well.
import * as Sentry from "@sentry/browser";

const asked = new URLSearchParams(location.search);

Sentry.init({
  dsn: document.querySelector("meta[name=dsn]").content,
  traceLifecycle: asked.get("lifecycle"),
  tracesSampleRate: Number(asked.get("rate")),
  propagateTraceparent: asked.has("traceparent"),
  integrations: [
    Sentry.browserTracingIntegration({
      // The page says when it is loaded, instead of being quiet for a second.
      enableReportPageLoaded: true,
      enableHTTPTimings: false,
      shouldCreateSpanForRequest: (url) => url.endsWith("/api"),
    }),
  ],
});

await fetch("/api");
Sentry.reportPageLoaded();
await Sentry.flush();
await fetch("/done", { method: "POST" });

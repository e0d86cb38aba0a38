// A Node service between two others: asks the next one for each request it gets.
// node service.mjs DSN LIFECYCLE RATE NEXT; prints the port it listens at, and ends when its input does.
import * as Sentry from "@sentry/node";

const [dsn, traceLifecycle, rate, next] = process.argv.slice(2);
Sentry.init({ dsn, traceLifecycle, tracesSampleRate: Number(rate), release: "node@2", environment: "middle" });

const { createServer } = await import("node:http");
const server = createServer(async (request, response) => {
  try {
    response.end(await (await fetch(next)).text());
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

process.stdin.resume();
process.stdin.on("end", async () => {
  await Sentry.flush(10_000);
  process.exit();
});

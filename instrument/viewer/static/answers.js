// Asks the server, and remembers what its last answer was called, so that "nothing new" can be said briefly.

/** Why there is no answer, in words; `status` 0 when the server is not there. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** One question that is asked again and again. */
export class Question {
  #path = null;
  #tag = null;

  /** The answer, or null when it is the one given last. Throws Refused. */
  async ask(path, signal) {
    const headers = path === this.#path && this.#tag ? { "If-None-Match": this.#tag } : {};
    let answer;
    try {
      answer = await fetch(path, { headers, signal, cache: "no-store", credentials: "same-origin" });
      if (answer.status === 304) return null;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(0, "The viewer has ended. Start it again: instrument view");
    }
    if (!answer.ok) throw new Refused(answer.status, await reason(answer));
    const data = await answer.json();
    this.#path = path;
    this.#tag = answer.headers.get("ETag");
    return data;
  }

  /** Have the next answer be a whole one. */
  forget() {
    this.#tag = null;
  }
}

async function reason(answer) {
  if (answer.status === 403) return "The viewer was started anew. Open the address that it printed.";
  try {
    return (await answer.json()).error;
  } catch {
    return `The viewer answered ${answer.status}.`;
  }
}

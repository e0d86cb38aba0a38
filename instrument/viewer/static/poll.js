// Does something again and again while somebody looks.

const PAUSE = 2000;

/** Runs `act(signal)` at once and then every 2 seconds while the page is visible; one run at a time. */
export class Poll {
  #act;
  #timer = 0;
  #running = null;
  #look = () => this.now();

  constructor(act) {
    this.#act = act;
    document.addEventListener("visibilitychange", this.#look);
    this.now();
  }

  /** Run at once; what runs is given up. */
  async now() {
    clearTimeout(this.#timer);
    this.#running?.abort();
    if (document.hidden) return;
    const run = (this.#running = new AbortController());
    try {
      await this.#act(run.signal);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    } finally {
      if (!run.signal.aborted) this.#timer = setTimeout(this.#look, PAUSE);
    }
  }

  stop() {
    clearTimeout(this.#timer);
    this.#running?.abort();
    document.removeEventListener("visibilitychange", this.#look);
  }
}

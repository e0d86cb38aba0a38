// The rows of a trace as a tree: who is whose parent, what is folded away, and which row is found next.

/** Rows come parents first, each with its depth; what hangs on a row follows it. */
export class Tree {
  #closed = new Set();

  constructor(rows) {
    this.rows = rows;
    const above = [];
    rows.forEach((row, at) => {
      row.at = at;
      row.key = row.id ?? `error:${row.error}`;
      row.children = [];
      above.length = row.depth;
      row.parent = row.depth ? above[row.depth - 1] : null;
      row.place = row.parent ? row.parent.children.push(row) : null;
      above[row.depth] = row;
    });
    for (const row of [...rows].reverse()) {
      row.last = row.children.length ? row.children.at(-1).last : row.at;
    }
    this.byKey = new Map(rows.map((row) => [row.key, row]));
  }

  /** The rows that no closed one hides. */
  visible() {
    const shown = [];
    for (let at = 0; at < this.rows.length; ) {
      const row = this.rows[at];
      shown.push(row);
      at = this.isClosed(row) ? row.last + 1 : at + 1;
    }
    return shown;
  }

  isClosed(row) {
    return this.#closed.has(row.key) && row.children.length > 0;
  }

  close(row) {
    if (row.children.length) this.#closed.add(row.key);
  }

  open(row) {
    this.#closed.delete(row.key);
  }

  /** Make sure that a row can be seen. */
  reveal(row) {
    for (let above = row.parent; above; above = above.parent) this.open(above);
  }

  openAll() {
    this.#closed.clear();
  }

  /** Leave only what is at this depth or above it. */
  closeAll(depth) {
    for (const row of this.rows) if (row.depth >= depth) this.close(row);
  }

  /** Keep closed what is closed in an older state of the same trace. */
  takeOver(older) {
    this.#closed = older.#closed;
  }

  /** How many spans are hidden under a closed row. */
  below(row) {
    let count = 0;
    for (let at = row.at + 1; at <= row.last; at++) if (this.rows[at].id) count++;
    return count;
  }

  /** The next row after `from` that passes, round and round; null when none does. */
  next(from, passes, step = 1) {
    const count = this.rows.length;
    for (let tried = 1; tried <= count; tried++) {
      const row = this.rows[(((from + step * tried) % count) + count) % count];
      if (passes(row)) return row;
    }
    return null;
  }
}

/** When the parts of a span were at work: [start, end] pairs in order, none touching another. */
export function covered(row) {
  const parts = row.children
    .filter((child) => child.id)
    .map((child) => [Math.max(child.start, row.start), Math.min(child.start + child.took, row.start + row.took)])
    .filter(([start, end]) => end > start)
    .sort((one, other) => one[0] - other[0]);
  const joined = [];
  for (const part of parts) {
    const before = joined.at(-1);
    if (before && part[0] <= before[1]) before[1] = Math.max(before[1], part[1]);
    else joined.push(part);
  }
  return joined;
}

/** How long a span was at work itself: its time without that of its parts. */
export function own(row) {
  return covered(row).reduce((left, [start, end]) => left - (end - start), row.took);
}

/** Whether a span ended badly. */
export function isFailed(row) {
  return Boolean(row.status) || row.children.some((child) => child.error && ["error", "fatal"].includes(child.level));
}

/** Whether a row has this text in what it shows. */
export function has(row, text) {
  return `${row.op ?? ""} ${row.name} ${row.status ?? ""}`.toLowerCase().includes(text);
}

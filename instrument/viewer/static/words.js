// Numbers and times in words, as `instrument show` writes them.

/** Three digits and a unit. */
export function duration(seconds) {
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)}h ${pad(Math.floor((seconds % 3600) / 60))}m`;
  if (seconds >= 99.95) return `${Math.floor(seconds / 60)}m ${pad(Math.floor(seconds % 60))}s`;
  for (const [unit, size] of [["s", 1], ["ms", 1e-3], ["µs", 1e-6]]) {
    const value = seconds / size;
    if (value >= 0.9995) return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
  }
  return seconds < 5e-10 ? "0 s" : `${(seconds * 1e6).toFixed(2)} µs`;
}

/** A time on an axis that goes up to `most`: no more digits than its step needs. */
export function tick(seconds, step, most) {
  if (seconds === 0) return "0";
  if (step >= 60) return duration(seconds).replace(" 00s", "").replace(" 00m", "");
  const [unit, size] = most >= 1 ? ["s", 1] : most >= 1e-3 ? ["ms", 1e-3] : ["µs", 1e-6];
  const digits = Math.max(0, -Math.floor(Math.log10(step / size) + 1e-9));
  return `${(seconds / size).toFixed(digits)} ${unit}`;
}

/** `1 span`, `2 spans`. */
export function quantity(count, noun, plural = `${noun}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? noun : plural}`;
}

/** A moment (Unix seconds) in the reader's time zone: the time, and the day unless that is today. */
export function moment(seconds) {
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) return "?";
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return at.toDateString() === new Date().toDateString() ? time : `${day(at)} ${time}`;
}

/** The same to the microsecond, as Python's isoformat has it. */
export function exactly(seconds) {
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) return "?";
  const micro = String(Math.floor((seconds % 1) * 1e6)).padStart(6, "0");
  return `${day(at)} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${micro}`;
}

function day(at) {
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

function pad(number) {
  return String(number).padStart(2, "0");
}

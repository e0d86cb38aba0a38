"""The destination to read along: each trace as a small tree, each error as a line, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final, TextIO

from ..recording import ErrorEvent, Event, Span, TransactionEvent

__all__ = ["Console"]

MOST_SPANS: Final = 50
WIDEST_TEXT: Final = 100


class Console:
    """Writes to `stream`, by default to what `sys.stderr` is at that moment."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def export(self, item: Event) -> None:
        """Write `item`, in one piece. A stream that is closed or broken is left alone."""
        stream = self._stream or sys.stderr
        if stream is None:
            return
        text = "".join(f"{line}\n" for line in _lines(item))
        try:
            stream.write(text.encode(stream.encoding or "utf-8", "replace").decode(stream.encoding or "utf-8"))
            stream.flush()
        except (OSError, ValueError):
            pass

    def flush(self, timeout: float | None = None) -> bool:
        """Always true: what was given is written."""
        return True

    def close(self, timeout: float | None = None) -> bool:
        """Always true; the stream is not ours to close."""
        return True


def _lines(item: Event) -> Iterator[str]:
    if isinstance(item, ErrorEvent):
        yield f"error {_plain(_title(item))}  trace {item.trace_id}"
    elif isinstance(item, TransactionEvent):
        status = f"  {item.status}" if item.status and item.status != "ok" else ""
        yield f"{_seconds(item.duration)} {_plain(item.op, item.name)}{status}  trace {item.trace_id}"
        yield from _tree(item)


def _tree(item: TransactionEvent) -> Iterator[str]:
    children: dict[str, list[Span]] = {}
    known = {item.span_id, *(span.span_id for span in item.spans)}
    for span in sorted(item.spans, key=lambda span: span.start_ticks):
        parent = span.parent_span_id
        children.setdefault(parent if parent in known and parent != span.span_id else item.span_id, []).append(span)
    stack = [(1, span) for span in reversed(children.pop(item.span_id, []))]
    shown = 0
    while stack and shown < MOST_SPANS:
        depth, span = stack.pop()
        shown += 1
        status = f"  {span.status}" if span.status and span.status != "ok" else ""
        duration = ((span.end_ticks or span.start_ticks) - span.start_ticks) / 1e9
        yield f"{_seconds(duration)} {'  ' * depth}{_plain(span.op, span.description)}{status}"
        stack += [(depth + 1, child) for child in reversed(children.pop(span.span_id, []))]
    if shown < len(item.spans):
        yield f"{'':>10}   and {len(item.spans) - shown} more spans"


def _title(item: ErrorEvent) -> str:
    if item.exceptions:
        raised = item.exceptions[-1]
        return f"{raised.get('type')}: {raised.get('value')}"
    return str(item.message or (item.logentry or {}).get("message") or item.level or "event")


def _seconds(duration: float) -> str:
    return f"{duration:>9.3f}s" if duration >= 1 else f"{duration * 1e3:>8.2f}ms"


def _plain(*texts: str | None) -> str:
    """One short line without control characters, which could play tricks on a terminal."""
    text = " ".join(text for text in texts if text) or "-"
    cut = text if len(text) <= WIDEST_TEXT else text[: WIDEST_TEXT - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)

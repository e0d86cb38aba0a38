"""Recent traces as a table that fits the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from ..store.reading import TraceSummary
from .glyphs import ASCII, UNICODE, Glyphs
from .paint import painted
from .wording import clean, cut, duration, moment

__all__ = ["render_list"]

ID_AT_LEAST: Final = 8
NAME_AT_LEAST: Final = 16
PROCESSES_AT_LEAST: Final = 12

GAP: Final = "  "


def render_list(
    found: Sequence[TraceSummary], width: int = 80, color: bool = False, *, ascii_only: bool = False
) -> str:
    """One line for each trace under a line of headings."""
    glyphs = ASCII if ascii_only else UNICODE
    ids = _short_ids([clean(summary.trace_id, ascii_only=True) for summary in found])
    day, times = _times([summary.start for summary in found])
    ends = [
        _column("took", [_took(summary, glyphs) for summary in found], right=True),
        _column("spans", [Text(f"{summary.spans:,}") for summary in found], right=True),
        _column("errors", [_errors(summary.errors) for summary in found], right=True),
    ]
    begins = [
        _column("trace", [Text(text, "yellow") for text in ids]),
        _column(day, [Text(text, "dim") for text in times]),
    ]
    free = width - sum(cell_len(column[0].plain) + len(GAP) for column in (*begins, *ends))
    names = [_name(summary, glyphs) for summary in found]
    natural = max(cell_len(name.plain) for name in names)
    if len({label for summary in found for label in summary.processes}) > 1:
        room = max(PROCESSES_AT_LEAST, free - natural - len(GAP))
        if free - room - len(GAP) >= NAME_AT_LEAST:
            ends.append(_column("processes", [Text(_processes(summary, room, glyphs), "dim") for summary in found]))
            free -= cell_len(ends[-1][0].plain) + len(GAP)
    name_width = max(NAME_AT_LEAST, min(natural, free))
    columns = [*begins, _column("name", [_fitted(name, name_width, glyphs) for name in names]), *ends]
    return painted([Text(GAP).join(cells) for cells in zip(*columns, strict=True)], width, color)


def _column(heading: str, cells: list[Text], *, right: bool = False) -> list[Text]:
    """The heading and the cells, all of the same width."""
    column = [Text(heading, "bold"), *cells]
    width = max(cell_len(cell.plain) for cell in column)
    for cell in column:
        missing = width - cell_len(cell.plain)
        if right:
            cell.pad_left(missing)
        else:
            cell.pad_right(missing)
    return column


def _short_ids(ids: list[str]) -> list[str]:
    """As much of each id as tells them apart, so that it can be given to `instrument show`."""
    known = sorted(set(ids))
    alike = max((_alike(*pair) for pair in pairwise(known)), default=0)
    return [text[: max(ID_AT_LEAST, alike + 1)] for text in ids]


def _alike(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _times(starts: list[float]) -> tuple[str, list[str]]:
    """The heading and the moments: the day stands in the heading when it is the same for all."""
    days = {moment(start).partition(" ")[0] for start in starts}
    if len(days) == 1:
        return days.pop()[5:], [moment(start).partition(" ")[2] for start in starts]
    return "started", [moment(start, short=True) for start in starts]


def _took(summary: TraceSummary, glyphs: Glyphs) -> Text:
    if not summary.transactions:
        return Text("-", "dim")
    return Text(duration(summary.duration, ascii_only=glyphs.ascii_only))


def _errors(count: int) -> Text:
    return Text(f"{count:,}", "bold red") if count else Text("-", "dim")


def _processes(summary: TraceSummary, room: int, glyphs: Glyphs) -> str:
    labels = [clean(label, ascii_only=glyphs.ascii_only) for label in summary.processes]
    whole = ", ".join(labels)
    if cell_len(whole) <= room or len(labels) < 2:
        return cut(whole, room, glyphs.ellipsis)
    more = f" +{len(labels) - 1}"
    return cut(labels[0], room - len(more), glyphs.ellipsis) + more


def _name(summary: TraceSummary, glyphs: Glyphs) -> Text:
    op = clean(summary.op or "", ascii_only=glyphs.ascii_only)
    name = clean(summary.name, ascii_only=glyphs.ascii_only)
    failed = summary.status not in (None, "ok", "success") or (summary.errors and not summary.transactions)
    text = Text()
    if op and op != name:
        text.append(op + (" " if name else ""), "cyan")
    text.append(name if name or op else "(no name)", "red" if failed else "")
    return text


def _fitted(text: Text, width: int, glyphs: Glyphs) -> Text:
    if cell_len(text.plain) > width:
        text.truncate(cell_len(cut(text.plain, width, glyphs.ellipsis)) - len(glyphs.ellipsis))
        text.append(glyphs.ellipsis, "dim")
    return text

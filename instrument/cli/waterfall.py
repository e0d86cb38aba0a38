"""A trace as a waterfall: the tree at the left, how long each span took, and bars to scale at the right."""

from __future__ import annotations

import textwrap
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from ..store.reading import ErrorRecord, SpanNode, Trace, walk
from .bars import bar, beside, scale
from .glyphs import ASCII, UNICODE, Glyphs
from .outline import Line, More, Outline, is_failed, outline
from .paint import painted
from .wording import clean, cut, duration, moment, quantity

__all__ = ["render_trace"]

NARROWEST: Final = 40
TIME_WIDTH: Final = 8
GAP: Final = 2
NAME_AT_LEAST: Final = 14
BARS_AT_LEAST: Final = 0.36
BARS_AT_MOST: Final = 0.62
"""Shares of the width."""

COLORS: Final = ("cyan", "magenta", "green", "blue", "yellow")
"""Of processes, in order of appearance."""

FINE: Final = (None, "ok", "success")
LEVELS: Final = {"warning": "yellow", "info": "blue", "debug": "dim"}


def render_trace(
    trace: Trace, width: int = 80, color: bool = False, *, ascii_only: bool = False, everything: bool = False
) -> str:
    """The trace as text, `width` columns wide; in `color` with the terminal's own sixteen colours.

    Spans that are like their neighbours share one line unless `everything` is to be shown.
    """
    width = max(NARROWEST, width)
    picture = _Picture(trace, outline(trace, everything), width, ASCII if ascii_only else UNICODE)
    return painted(picture.lines(), width, color)


class _Picture:
    """One trace on its way to the screen, with the widths of its columns."""

    def __init__(self, trace: Trace, outlined: Outline, width: int, glyphs: Glyphs) -> None:
        self.trace = trace
        self.outline = outlined
        self.width = width
        self.glyphs = glyphs
        labels = dict.fromkeys(transaction.label for transaction in trace.transactions)
        self.colors = {label: COLORS[number % len(COLORS)] for number, label in enumerate(labels)}
        free = width - TIME_WIDTH - 2 * GAP
        bars = round(free * BARS_AT_LEAST)
        self.deepest = max(1, (free - bars - NAME_AT_LEAST) // len(glyphs.fork))
        labels_of_spans = [
            self._label(line, width) for line in outlined.lines if not isinstance(line.content, ErrorRecord)
        ]
        natural = max((cell_len(label.plain) for label in labels_of_spans), default=0)
        self.bar_width = min(max(bars, free - natural), round(free * BARS_AT_MOST))
        self.label_width = free - self.bar_width

    def lines(self) -> list[Text]:
        """Everything, from the name of the trace to what needs to be said about it."""
        lines = [*self._heading(), Text()]
        if self.trace.roots:
            axis = scale(self.trace.duration, self.bar_width, self.glyphs)
            lines.append(Text(" " * (self.width - self.bar_width) + axis, "dim"))
        for line in self.outline.lines:
            lines.append(self._line(line))
        notes = [line for note in self._notes() for line in textwrap.wrap(note, self.width)]
        return [*lines, *([Text()] if notes else []), *(Text(note, "dim") for note in notes)]

    def _heading(self) -> list[Text]:
        trace, glyphs = self.trace, self.glyphs
        when = moment(trace.start)
        room = self.width - len(when) - GAP
        root = next((root for root in trace.roots if not root.is_orphan), trace.roots[0] if trace.roots else None)
        if root is not None:
            title = self._name(root, room, plain=True)
        else:
            title = Text.assemble((cut(self._clean(trace.errors[0].title), room, glyphs.ellipsis), "red"))
        title.stylize("bold")
        facts = [Text(quantity(trace.spans, "span"))] if trace.roots else []
        if trace.roots:
            facts.insert(0, Text.assemble((duration(trace.duration, ascii_only=glyphs.ascii_only), "bold")))
        if trace.error_count:
            facts.append(Text.assemble((quantity(trace.error_count, "error"), "red")))
        if len(self.colors) > 1:
            facts.append(Text(quantity(len(self.colors), "process", "processes")))
        told = self._told(facts)
        trace_id = Text.assemble((self._clean(trace.trace_id), "dim"))
        first = self._justified(title, Text.assemble((when, "dim")))
        if cell_len(told[-1].plain) + GAP + cell_len(trace_id.plain) <= self.width:
            return [first, *told[:-1], self._justified(told[-1], trace_id)]
        return [first, *told, trace_id]

    def _told(self, facts: list[Text]) -> list[Text]:
        """The facts in as few lines as they fit in."""
        between = f" {self.glyphs.dot} "
        lines = facts[:1]
        for fact in facts[1:]:
            if cell_len(lines[-1].plain + between + fact.plain) <= self.width:
                lines[-1] = Text.assemble(lines[-1], between, fact)
            else:
                lines.append(fact)
        return lines

    def _justified(self, left: Text, right: Text) -> Text:
        left.append(" " * (self.width - cell_len(left.plain) - cell_len(right.plain)))
        return left.append_text(right)

    def _line(self, line: Line) -> Text:
        content = line.content
        if isinstance(content, ErrorRecord):
            return self._error(line, content)
        text = self._label(line, self.label_width)
        text.append(" " * (self.label_width - cell_len(text.plain) + GAP))
        if isinstance(content, More):
            text.append(" " * (TIME_WIDTH + GAP))
            text.append(self._bar(content.start, content.finish, thin=True), "dim")
        else:
            text.append(duration(content.duration, ascii_only=self.glyphs.ascii_only).rjust(TIME_WIDTH) + " " * GAP)
            text.append_text(self._bar_and_status(content))
        return text

    def _bar_and_status(self, node: SpanNode) -> Text:
        drawn = self._bar(node.start, node.finish)
        # An error beneath it says more than this status.
        if node.status not in FINE and not (node.errors and node.status == "internal_error"):
            drawn = beside(drawn, self._clean(node.status), self.bar_width, self.glyphs)
        return Text(drawn, "red" if is_failed(node) else self._color(node))

    def _bar(self, start: float, finish: float, thin: bool = False) -> str:
        whole = self.trace.duration
        first = (start - self.trace.start) / whole if whole else 0.0
        last = (finish - self.trace.start) / whole if whole else 1.0
        return bar(first, last, self.bar_width, self.glyphs, thin=thin)

    def _error(self, line: Line, error: ErrorRecord) -> Text:
        glyphs = self.glyphs
        text = self._guides(line)
        level = error.level or "error"
        mark = glyphs.cross if level in ("error", "fatal") else glyphs.warning if level == "warning" else glyphs.note
        style = LEVELS.get(level, "red")
        room = self.width - cell_len(text.plain) - len(mark) - 1
        place = self._clean(error.place or "")
        if cell_len(place) > room // 2:
            place = glyphs.ellipsis + place[-(room // 2 - len(glyphs.ellipsis)) :]
        message = cut(self._clean(error.title), room - (len(place) + GAP if place else 0), glyphs.ellipsis)
        text.append(f"{mark} {message}", style)
        text.append(place.rjust(self.width - cell_len(text.plain)), "dim")
        return text

    def _label(self, line: Line, width: int) -> Text:
        text = self._guides(line)
        room = width - cell_len(text.plain)
        if isinstance(line.content, More):
            more = line.content
            longest = duration(more.longest, ascii_only=self.glyphs.ascii_only)
            words = f"{self.glyphs.ellipsis} {len(more.nodes):,} more like this, up to {longest}"
            text.append(cut(words, room, self.glyphs.ellipsis), "dim")
        elif isinstance(line.content, SpanNode):
            text.append_text(self._name(line.content, room))
        return text

    def _guides(self, line: Line) -> Text:
        """The branches of the tree that lead to a line; where they would take too much room, how deep it is."""
        glyphs, guides = self.glyphs, line.guides
        if not guides:
            return Text()
        if isinstance(line.content, ErrorRecord):
            last = glyphs.trunk if guides[-1] else glyphs.blank
        else:
            last = glyphs.fork if guides[-1] else glyphs.corner
        if len(guides) > self.deepest:
            depth = f"{glyphs.deep}{len(guides)} ".ljust(len(glyphs.trunk) * (self.deepest - 1))
        else:
            depth = "".join(glyphs.trunk if goes_on else glyphs.blank for goes_on in guides[:-1])
        return Text.assemble((depth + last, "dim"))

    def _name(self, node: SpanNode, room: int, plain: bool = False) -> Text:
        """What a span did; unless `plain`, with the marks that place it in the tree."""
        glyphs = self.glyphs
        text = Text()
        if node.is_orphan and not plain:
            text.append(f"{glyphs.orphan} ", "dim")
        if not plain and node.is_root and len(self.colors) > 1 and node.transaction is not None:
            label = node.transaction.label
            text.append(f"[{self._clean(label)}] ", self.colors[label])
        folded = f" {glyphs.times}{node.folded:,}" if node.folded > 1 else ""
        op, name = self._clean(node.op or ""), self._clean(node.name or "")
        if op and op != name:
            text.append(op + (" " if name else ""), "cyan" if name else "")
        text.append(name if name or op else "(no name)", "red" if is_failed(node) else "")
        if cell_len(text.plain) > room - len(folded):
            kept = cut(text.plain, room - len(folded), glyphs.ellipsis)
            text.truncate(cell_len(kept) - len(glyphs.ellipsis))
            text.append(glyphs.ellipsis, "dim")
        text.append(folded, "bold")
        return text

    def _color(self, node: SpanNode) -> str:
        return self.colors.get(node.transaction.label, "cyan") if node.transaction else "cyan"

    def _clean(self, text: str) -> str:
        return clean(text, ascii_only=self.glyphs.ascii_only)

    def _notes(self) -> list[str]:
        """What the picture cannot say by itself."""
        notes = []
        if self.outline.hidden:
            command = f"instrument show {self._clean(self.trace.trace_id)[:8]} --all"
            notes.append(
                f"{quantity(self.outline.hidden, 'span')} without a line of their own; `{command}` shows every one."
            )
        orphans = sum(node.is_orphan for node in walk(self.trace.roots))
        if orphans:
            notes.append(f"{self.glyphs.orphan} marks {quantity(orphans, 'span')} whose parent is not in this store.")
        shifts = {
            node.transaction.label: node.shift
            for node in walk(self.trace.roots)
            if node.shift and node.transaction is not None
        }
        for label, shift in shifts.items():
            amount = duration(abs(shift), ascii_only=self.glyphs.ascii_only)
            direction = "behind" if shift > 0 else "ahead"
            notes.append(f"The clock of {self._clean(label)} was {amount} {direction}; its spans are moved to fit.")
        return notes

"""Which lines a trace is shown as. What repeats itself is said once, so that 10,000 spans can be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Final

import attrs

from ..store.reading import ErrorRecord, SpanNode, Trace, walk

__all__ = ["Line", "More", "Outline", "is_failed", "outline"]

ALIKE: Final = 8
"""So many similar siblings are all shown."""

FIRST: Final = 3
"""So many of more similar siblings are shown, besides the slowest and those that failed."""

FAILED: Final = 5
"""So many that failed are shown beyond them."""

NOTABLY: Final = 1.05
"""A sibling is shown for being slow when it took so many times as long as the others that are shown."""

CROWD: Final = 40
"""More lines than that under one span: then the same op is similar enough."""

LONGEST: Final = 500
"""Lines at most."""

VARYING: Final = re.compile(r"[0-9a-fA-F-]{12,}|\d+|'[^']*'|\"[^\"]*\"")


@attrs.frozen(eq=False)
class More:
    """Siblings that are not shown, because they are like one that is."""

    nodes: tuple[SpanNode, ...]

    @property
    def start(self) -> float:
        """When the first of them started."""
        return min(node.start for node in self.nodes)

    @property
    def finish(self) -> float:
        """When the last of them ended."""
        return max(node.finish for node in self.nodes)

    @property
    def longest(self) -> float:
        """How long the longest of them took, in seconds."""
        return max(node.duration for node in self.nodes)


@attrs.frozen(eq=False)
class Line:
    """One line: a span, an error, or what is left out. `guides` says for each level above whether it goes on below."""

    content: SpanNode | ErrorRecord | More
    guides: tuple[bool, ...]


@attrs.frozen(eq=False)
class Outline:
    """The lines, and how many spans have no line of their own."""

    lines: list[Line]
    hidden: int


def outline(trace: Trace, everything: bool = False) -> Outline:
    """The lines of a trace; with `everything` each span has one."""
    lines: list[Line] = []
    waiting = [Line(root, ()) for root in (trace.roots if everything else _shown(trace.roots))][::-1]
    while waiting and (everything or len(lines) < LONGEST):
        line = waiting.pop()
        lines.append(line)
        if isinstance(line.content, SpanNode):
            children = line.content.children if everything else _shown(line.content.children)
            below = [Line(child, (*line.guides, child is not children[-1])) for child in children]
            waiting += below[::-1]
            lines += [Line(error, (*line.guides, bool(children))) for error in line.content.errors]
    lines += [Line(error, ()) for error in trace.errors]
    return Outline(lines, trace.spans - sum(isinstance(line.content, SpanNode) for line in lines))


def is_failed(node: SpanNode) -> bool:
    """Whether a span ended badly."""
    return bool(node.errors) or node.status not in (None, "ok", "success")


def _shown(siblings: Sequence[SpanNode]) -> list[SpanNode | More]:
    """The siblings, with those left out that are like others."""
    if len(siblings) <= ALIKE:
        return list(siblings)
    shown = _without_alike(siblings, lambda node: (node.op, VARYING.sub("#", node.name or "")))
    if len(shown) > CROWD:
        shown = _without_alike(siblings, lambda node: node.op)
    return shown


def _without_alike(siblings: Sequence[SpanNode], likeness: Callable[[SpanNode], Hashable]) -> list[SpanNode | More]:
    groups: dict[Hashable, list[SpanNode]] = {}
    for node in siblings:
        groups.setdefault(likeness(node), []).append(node)
    left_out: dict[SpanNode, More] = {}
    after: dict[SpanNode, More] = {}
    for nodes in groups.values():
        if len(nodes) > ALIKE:
            failed = [node for node in nodes if any(is_failed(below) for below in walk([node]))]
            kept = {*nodes[:FIRST], *failed[:FAILED]}
            slowest = max(nodes, key=lambda node: node.duration)
            if slowest.duration > NOTABLY * max(node.duration for node in kept):
                kept.add(slowest)
            more = More(tuple(node for node in nodes if node not in kept))
            left_out.update(dict.fromkeys(more.nodes, more))
            after[nodes[FIRST - 1]] = more
    shown: list[SpanNode | More] = []
    for node in siblings:
        if node not in left_out:
            shown.append(node)
        if node in after:
            shown.append(after[node])
    return shown

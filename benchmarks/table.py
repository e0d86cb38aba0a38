"""From runs to ratios, and from ratios to the table."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Figure", "as_markdown", "as_text", "is_reached", "machine", "piped", "results_of", "write_into"]

OURS = "instrument"


class Figure(NamedTuple):
    """One case of one library over all rounds. `ratios` are to the floor of the same process, best to best."""

    values: list[float]
    ratios: list[float]
    bare: list[float]

    @property
    def value(self) -> float:
        """The middle one of the rounds' best figures."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float:
        """The middle one of the rounds' ratios to the floor."""
        return statistics.median(self.ratios) if self.ratios else float("nan")


Results = dict[tuple[str, str], Figure]


class Row(NamedTuple):
    """One line of the table: what, the measured number of each round, and the most that is allowed."""

    label: str
    nanoseconds: float | None
    numbers: list[float]
    unit: str
    limit: float | None
    bare: float | None = None
    at_least: bool = False

    @property
    def number(self) -> float:
        """The middle one."""
        return statistics.median(self.numbers)

    @property
    def is_reached(self) -> bool:
        """Whether the limit holds for the middle number."""
        if self.limit is None:
            return True
        return self.number >= self.limit if self.at_least else self.number <= self.limit


def results_of(runs: Iterable[dict[str, Any]]) -> Results:
    """All figures by library and case."""
    found: Results = {}
    for run in runs:
        values = run["values"]
        floor = values.get("floor", {}).get("best")
        bare = values.get("bare floor", {}).get("best")
        for case, value in values.items():
            if "best" not in value:
                continue
            figure = found.setdefault((run["subject"], case), Figure([], [], []))
            figure.values.append(value["best"])
            if floor:
                figure.ratios.append(value["best"] / floor)
            if bare:
                figure.bare.append(value["best"] / bare)
    return found


AGAINST_THE_FLOOR = (
    ("`with span(op, description)`, recorded", "span, recorded", 2.0),
    ("`@traced` call, recorded", "call, recorded", 2.0),
    ("`with span`, data of 3 keys and a tag, recorded", "span with data, recorded", 3.0),
    ("`@traced` call, data of 3 keys, recorded", "call with data, recorded", 3.0),
    ("`with span`, unsampled", "span, unsampled", 0.45),
    ("`with span`, data and tag, unsampled", "span with data, unsampled", None),
    ("`@traced` call, unsampled", "call, unsampled", None),
    ("`with span`, outside a transaction", "span, outside a transaction", None),
    ("`@traced` call, outside a transaction", "call, outside a transaction", 0.3),
    ("`with span`, before `init`", "span, never initialised", None),
    ("`@traced` call, before `init`", "call, never initialised", 0.3),
    ("undecorated call, for comparison", "undecorated call", None),
    ("span with its 500th share of the transaction's end", "span with its share of a transaction", None),
    ("span until encoded, on disk, sent compressed (all CPU)", "span, delivered", 6.0),
)
AGAINST_PEERS = (
    ("span until delivered, to ddtrace's", "span, delivered", "ddtrace", 1 / 3),
    ("span until delivered, to opentelemetry's", "span, delivered", "opentelemetry", 0.1),
    ("empty transaction, to sentry-sdk's", "empty transaction", "sentry-sdk", 0.1),
    ("import, to sentry-sdk's", "import", "sentry-sdk", 0.5),
    ("import and init, to sentry-sdk's", "import and init", "sentry-sdk", 0.5),
)
ADDED = (
    ("`http.client` span added to a request", "traced request", "plain request", {"sentry-sdk": 0.1, "ddtrace": None}),
    *(
        (f"middleware, {name}", name, f"{kind}, plain", {"sentry-sdk": limit, "opentelemetry": None})
        for kind in ("WSGI request", "WSGI request, streamed", "ASGI request")
        for name, limit in ((f"{kind}, recorded", 0.1), (f"{kind}, unsampled", None))
    ),
)
"""What is added to something, the case with it and the one without, and how much of a peer's it may be."""
BESIDE = (
    "span, recorded",
    "span with data, recorded",
    "call, recorded",
    "span with its share of a transaction",
    "span, unsampled",
    "call, outside a transaction",
    "call, never initialised",
    "span, delivered",
    "empty transaction",
    "bytes of a finished span",
)


def rows(results: Results) -> list[Row]:
    """The lines that have a limit, or that explain one that has."""
    made = []
    for label, case, limit in AGAINST_THE_FLOOR:
        ours = results.get((OURS, case))
        if ours is not None and ours.ratios:
            bare = statistics.median(ours.bare) if ours.bare else None
            made.append(Row(label, ours.value, ours.ratios, "x floor", limit, bare))
    for label, case, peer, limit in AGAINST_PEERS:
        ours, theirs = results.get((OURS, case)), results.get((peer, case))
        if ours is not None and theirs is not None:
            made.append(Row(label, ours.value, _quotients(ours, theirs), f"x {peer}", limit))
        elif ours is not None and "delivered" not in case:
            made.append(Row(label.partition(",")[0], ours.value, ours.ratios or [1.0], "", None))
    made.extend(_added(results))
    made.extend(_growth(results))
    made.extend(_threads(results))
    for label, case, limit in (
        ("bytes held by a finished span", "bytes of a finished span", 300),
        ("threads started by `init`", "threads", 0),
        ("modules that `import` should not bring in", "dear modules", 0),
    ):
        ours = results.get((OURS, case))
        if ours is not None:
            made.append(Row(label, None, ours.values, "", limit))
    return made


def _quotients(ours: Figure, theirs: Figure) -> list[float]:
    """Round by round: by ratios to the floor where there is one, as rounds differ in speed."""
    if ours.ratios and theirs.ratios:
        return [one / other for one, other in zip(ours.ratios, theirs.ratios, strict=False)]
    return [one / other for one, other in zip(ours.values, theirs.values, strict=False)]


def _added(results: Results) -> list[Row]:
    """What is added to requests, going out and coming in."""
    made = []
    for label, with_it, without, peers in ADDED:
        added: dict[str, list[float]] = {}
        for subject in (OURS, *peers):
            if (subject, with_it) in results:
                pairs = zip(results[subject, with_it].ratios, results[subject, without].ratios, strict=True)
                added[subject] = [more - plain for more, plain in pairs]
        if OURS not in added:
            continue
        nanoseconds = statistics.median(added[OURS]) * results[OURS, "floor"].value
        made.append(Row(label, nanoseconds, added[OURS], "x floor", None))
        for peer, limit in peers.items():
            if peer in added:
                quotients = [one / other for one, other in zip(added[OURS], added[peer], strict=False)]
                made.append(Row(f"the same, to {peer}'s", None, quotients, f"x {peer}", limit))
    return made


def _growth(results: Results) -> list[Row]:
    made = []
    for (subject, case), figure in results.items():
        if subject == OURS and case.startswith("span of "):
            label = f"one span more, in a transaction of {int(case.split()[-1]):,}"
            made.append(Row(label, figure.value, figure.ratios, "x floor", None))
    if made:
        spread = [max(each) / min(each) for each in zip(*(row.numbers for row in made), strict=True)]
        made.append(Row("the dearest of these, to the cheapest", None, spread, "", 1.25))
    return made


def _threads(results: Results) -> list[Row]:
    single = results.get((OURS, "span in 1 threads"))
    if single is None:
        return []
    made = []
    for count in (2, 4, 8):
        several = results[OURS, f"span in {count} threads"]
        numbers = [one / many for one, many in zip(single.values, several.values, strict=True)]
        made.append(Row(f"throughput of {count} threads, to that of one", None, numbers, "", None, at_least=True))
        floors = [results[OURS, f"floor in {threads} threads"].values for threads in (1, count)]
        own = [one / many for one, many in zip(*floors, strict=True)]
        relative = [ours / floor for ours, floor in zip(numbers, own, strict=True)]
        made.append(Row("the same, to the floor's own", None, relative, "x floor", 0.95, at_least=True))
    return made


def is_reached(results: Results) -> bool:
    """Whether every limit holds."""
    return all(row.is_reached for row in rows(results))


def machine() -> str:
    """Where it ran, in a few words."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {platform.system()}, {os.cpu_count()} cores"


HEADINGS = ("what", "ns", "ratio", "of rounds", "to bare floor", "limit", "")


def _cells(results: Results) -> list[tuple[str, ...]]:
    made = []
    for row in rows(results):
        sign = "at least " if row.at_least else ""
        limit = "" if row.limit is None else f"{sign}{row.limit:.3g}"
        verdict = "" if row.limit is None else "reached" if row.is_reached else "MISSED"
        is_shown = row.unit or row.limit is not None or row.nanoseconds is None
        spread = f"{min(row.numbers):.2f}..{max(row.numbers):.2f}" if is_shown else ""
        number = f"{row.number:.2f} {row.unit}".strip() if is_shown else ""
        time = "" if row.nanoseconds is None else f"{row.nanoseconds:,.0f}"
        made.append((row.label, time, number, spread, "" if row.bare is None else f"{row.bare:.2f}", limit, verdict))
    return made


def _beside(results: Results) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    subjects = [*dict.fromkeys(subject for subject, case in results if case == "span, recorded")]
    lines = []
    for case in BESIDE:
        cells = [results.get((subject, case)) for subject in subjects]
        if case.startswith("bytes"):
            shown = ["" if one is None else f"{one.value:,.0f}" for one in cells]
        else:
            shown = ["" if one is None else f"{one.ratio:,.2f}" for one in cells]
        lines.append((case, *shown))
    return ("x floor", *subjects), lines


def as_text(results: Results) -> str:
    """For a terminal."""
    parts = [f"{machine()}; floor {_floor(results)}\n", _aligned(HEADINGS, _cells(results))]
    headings, lines = _beside(results)
    if len(headings) > 2:
        parts += ["", _aligned(headings, lines)]
    return "\n".join(parts)


def as_markdown(results: Results) -> str:
    """For a document."""
    parts = [f"{machine()}. Floor: {_floor(results)}.", "", *piped(HEADINGS, _cells(results))]
    headings, lines = _beside(results)
    if len(headings) > 2:
        parts += ["", "All of them, as ratios to the floor of their own process:", "", *piped(headings, lines)]
    return "\n".join(parts)


def write_into(path: Path, name: str, text: str) -> None:
    """Replace what stands between the marks `name` of a Markdown file."""
    begins, ends = f"<!-- {name}: begins -->", f"<!-- {name}: ends -->"
    before, rest = path.read_text(encoding="utf-8").split(begins)
    after = rest.split(ends)[1]
    path.write_text(f"{before}{begins}\n{text}\n{ends}{after}", encoding="utf-8")


def _floor(results: Results) -> str:
    figures = [results[OURS, name] for name in ("floor", "bare floor") if (OURS, name) in results]
    said = [f"{figure.value:.0f} ns ({min(figure.values):.0f} to {max(figure.values):.0f})" for figure in figures]
    return ", bare ".join(said)


def _aligned(headings: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    made = []
    for line in (headings, *lines):
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        made.append("  ".join(cells).rstrip())
    return "\n".join(made)


def piped(headings: tuple[str, ...], lines: list[tuple[str, ...]]) -> list[str]:
    """A table of Markdown, its first column to the left."""
    made = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return made + ["| " + " | ".join(line) + " |" for line in lines]

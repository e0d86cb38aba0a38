"""What was recorded, as parents by name: in this process, or by several in one file."""

from __future__ import annotations

import json

import instrument
from instrument.exporters import JsonLines, Memory

LIMIT = 30.0


class Told:
    """A fresh client with everything that `init` does by default, and what it was given."""

    def __init__(self, **options):
        self.memory = Memory()
        instrument.init(exporter=self.memory, **options)

    @property
    def items(self):
        """What arrived: transactions, and spans that were delivered by themselves."""
        return self.memory.transactions

    @property
    def parents(self):
        """Who is whose child, by name; `None` is nobody's. A name that comes twice is an error of the story's."""
        nodes = [(item.name, item.span_id, item.parent_span_id) for item in self.items]
        nodes += [(span.description, span.span_id, span.parent_span_id) for item in self.items for span in item.spans]
        return family(nodes)

    @property
    def traces(self):
        """How many traces arrived."""
        return len({item.trace_id for item in self.items})

    def status(self, name):
        """The status of the span with this name."""
        return next(span.status for item in self.items for span in (item, *item.spans) if span.description == name)


class ToldInFile:
    """The same for several processes that write to one file."""

    def __init__(self, path, **options):
        self.path = path
        instrument.init(exporter=JsonLines(path), **options)

    @property
    def events(self):
        """What arrived, as the events of the Sentry protocol."""
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]

    @property
    def parents(self):
        nodes = []
        for event in self.events:
            place = event["contexts"]["trace"]
            nodes.append((event["transaction"], place["span_id"], place.get("parent_span_id")))
            nodes += [(one["description"], one["span_id"], one["parent_span_id"]) for one in event.get("spans", ())]
        return family(nodes)

    @property
    def traces(self):
        return len({event["contexts"]["trace"]["trace_id"] for event in self.events})


def family(nodes):
    """Parents by name, out of names with ids."""
    names = {span_id: name for name, span_id, _ in nodes}
    assert len(set(names.values())) == len(nodes), sorted(name for name, _, _ in nodes)
    return {name: names.get(parent, parent) for name, _, parent in nodes}

"""What there is to say to each path. Every question has a reader of its own, whose connection can only read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from .. import _clock
from ..store import StoreError
from ..store.reading import AmbiguousTrace, Reader, Trace
from .answer import Answer, said, told
from .gate import PAGE
from .head import Request
from .pages import read_pages
from .question import MOST_TRACES, QuestionError, read_question
from .shapes import error_data, find_error, find_span, span_data, summary_data, trace_data

__all__ = ["Answers"]

TRACE: Final = re.compile(r"/api/traces/([0-9a-f]{1,64})")
SETTLED_NS: Final = 1_000_000_000
"""A file changed that long ago has no change that its time does not show."""


class Answers:
    """Answers over the store at `path`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        self._pages = read_pages()

    def answer(self, request: Request) -> Answer:
        """The answer to a request that has passed the gate."""
        if PAGE.fullmatch(request.path):
            return self._pages["page.html"]
        page = self._pages.get(request.path[1:])
        if page is not None:
            return page
        if request.path == "/api/traces":
            return self._fresh(request, self._list)
        found = TRACE.fullmatch(request.path)
        if found is None:
            return said(404)
        return self._fresh(request, lambda _: self._trace(found[1], request.query))

    def _fresh(self, request: Request, make: Callable[[Request], Answer]) -> Answer:
        """The answer, or that it is still the one that was given last."""
        tag = _tag(self.path)
        if tag and request.headers.get("if-none-match") == tag:
            return Answer(304, headers={"ETag": tag})
        try:
            answer = make(request)
        except AmbiguousTrace as error:
            return told({"error": str(error), "matches": error.matches}, 404)
        except QuestionError as error:
            return told({"error": str(error)}, 400)
        except StoreError as error:
            return told({"error": str(error)}, 503)
        except RecursionError:
            return told({"error": "What is stored there is nested too deeply to be read."}, 500)
        if tag and answer.status == 200:
            return Answer(200, answer.content_type, answer.body, {"ETag": tag})
        return answer

    def _list(self, request: Request) -> Answer:
        asked, limit = read_question(request.query)
        with Reader(self.path) as reader:
            found = reader.find(**asked, limit=limit + 1)
            is_empty = not found and not reader.recent(1)
        return told(
            {
                "traces": [summary_data(summary) for summary in found[:limit]],
                "has_more": len(found) > limit,
                "limit": limit,
                "most": MOST_TRACES,
                "is_empty": is_empty,
                "path": self.path,
            }
        )

    def _trace(self, prefix: str, query: Mapping[str, str]) -> Answer:
        with Reader(self.path) as reader:
            trace = reader.trace(prefix)
        if trace is None:
            return told({"error": "There is no such trace in the store (any more)."}, 404)
        data = _asked_of(trace, query)
        return told(data) if data is not None else told({"error": "There is no such part in this trace."}, 404)


def _asked_of(trace: Trace, query: Mapping[str, str]) -> dict[str, Any] | None:
    """The whole of it, or all about one span or error in it."""
    if "span" in query:
        node = find_span(trace, query["span"])
        return span_data(node) if node is not None else None
    if "error" in query:
        error = find_error(trace, query["error"])
        return error_data(error) if error is not None else None
    return trace_data(trace)


def _tag(path: str) -> str | None:
    """What stands for the present content of the store; None while it is being written."""
    seen = []
    for name in (path, path + "-wal"):
        try:
            about = os.stat(name)
        except OSError:
            continue
        if not about.st_size:
            continue  # readers leave an empty log behind
        if _clock.wall() - about.st_mtime_ns < SETTLED_NS:
            return None
        seen.append(f"{about.st_ino:x}-{about.st_size:x}-{about.st_mtime_ns:x}")
    return f'"{"_".join(seen)}"'

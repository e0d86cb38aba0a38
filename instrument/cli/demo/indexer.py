"""The indexer: reads source files in several threads and posts the words of each to the indexing service."""

from __future__ import annotations

import http.client
import io
import json
import keyword
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import attrs

from instrument import capture_exception, span, traced, transaction

from .library import Batch, short_name

__all__ = ["Indexer", "Job"]

THREADS: Final = 3
PATIENCE: Final = 10.0
"""Seconds to wait for an answer of the service."""


@attrs.frozen
class Job:
    """A batch that is done: the trace of the work, and how many of its files were indexed or failed."""

    trace_id: str
    is_recorded: bool
    indexed: int
    failed: int


@attrs.frozen
class Indexer:
    """Indexes files with the service that listens at this port of this machine."""

    port: int

    def index(self, batches: Iterable[Batch], when_done: Callable[[], None]) -> list[Job]:
        """Index all batches, the files of each at the same time; `when_done` is called after every file."""
        jobs = []
        with ThreadPoolExecutor(THREADS) as pool:
            for batch in batches:
                # One transaction for each batch makes traces that can be read. What the pool's threads do in it belongs
                # to it, though they were started earlier: work carries the trace of whoever hands it over.
                with transaction(op="job", name=f"index {batch.name}") as job:
                    outcomes = []
                    for is_indexed in pool.map(self.try_item, batch.paths):
                        outcomes.append(is_indexed)
                        when_done()
                    job.set_data("files", len(outcomes))
                jobs.append(Job(job.trace_id, bool(job.sampled), outcomes.count(True), outcomes.count(False)))
        return jobs

    def try_item(self, path: Path) -> bool:
        """Index one file. A file that cannot be indexed is reported and must not keep the others waiting."""
        try:
            self.process_item(path)
        except (OSError, SyntaxError, UnicodeError, tokenize.TokenError, http.client.HTTPException) as error:
            capture_exception(error)  # The event says by itself in which span this was raised.
            return False
        return True

    @traced(op="task", description=lambda self, path: short_name(path))
    def process_item(self, path: Path) -> None:
        """Read, tokenise and post one file."""
        with span("file.read"), tokenize.open(path) as file:
            source = file.read()
        with span("tokenise") as tokenising:
            words = count_words(source)
            tokenising.set_data("words", len(words))
        with span("post"):
            self.post(short_name(path), words)

    def post(self, file: str, words: Counter[str]) -> None:
        """Hand the words of a file to the service. The trace goes along in headers, without a line of code here."""
        body = json.dumps({"file": file, "words": words})
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("POST", "/words", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        if answer.status != http.HTTPStatus.CREATED:
            raise http.client.HTTPException(f"the service answered {answer.status} {answer.reason}")


def count_words(source: str) -> Counter[str]:
    """How often each name occurs in a Python source."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return Counter(
        token.string for token in tokens if token.type == tokenize.NAME and not keyword.iskeyword(token.string)
    )

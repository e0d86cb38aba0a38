"""What patches of HTTP clients add to a request: `python -m benchmarks.clients`, and beside it sentry-sdk.

Requests are answered in memory, inside of transactions of 300. Each tool runs in a process of its own, several times,
in turn with one in which nobody records; the figure is the difference of the best transactions of both, in microseconds
of the thread's processor time for each request. It runs in the environment of the tests, which has all it needs.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from time import thread_time_ns
from typing import Any

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
REQUESTS = 300
TRANSACTIONS = 20
URL = "http://127.0.0.1:8080/items/7"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

Root = Callable[[], AbstractContextManager[Any]]


def nobody() -> Root:
    """Nothing is recorded."""
    return nullcontext


def ours() -> Root:
    """Set up with a destination that does nothing."""
    import instrument

    from .ours import Nowhere

    instrument.init(exporter=Nowhere(), max_spans=100_000)
    return lambda: instrument.transaction("task", "nightly")


def sentry() -> Root:
    """The same for sentry-sdk."""
    import sentry_sdk
    from sentry_sdk.integrations.aiohttp import AioHttpIntegration
    from sentry_sdk.integrations.httpx import HttpxIntegration

    sentry_sdk.init(
        "http://key@127.0.0.1:9/1",
        traces_sample_rate=1.0,
        transport=lambda *_: None,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[HttpxIntegration(), AioHttpIntegration()],
        _experiments={"max_spans": 100_000},
    )
    return lambda: sentry_sdk.start_transaction(op="task", name="nightly")


SUBJECTS: dict[str, Callable[[], Root]] = {
    "nobody": nobody,
    "instrument": ours,
    "sentry-sdk": sentry,
}


async def httpx(root: Root) -> float:
    """A request of `httpx.Client`."""
    import httpx

    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"{}")))

    async def ask() -> None:
        client.get(URL)

    return await _best(root, ask)


async def httpx_async(root: Root) -> float:
    """A request of `httpx.AsyncClient`."""
    import httpx

    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"{}")))
    return await _best(root, lambda: client.get(URL))


async def aiohttp(root: Root) -> float:
    """A request of `aiohttp.ClientSession`."""
    import aiohttp
    from aiohttp.client_proto import ResponseHandler

    loop = asyncio.get_running_loop()

    class InMemory(asyncio.Transport):
        def __init__(self, protocol: Any) -> None:
            super().__init__()
            self._protocol = protocol

        def write(self, data: Any) -> None:
            loop.call_soon(self._protocol.data_received, ANSWER)

        def writelines(self, data: Any) -> None:
            self.write(data)

        def is_closing(self) -> bool:
            return False

        def close(self) -> None:
            loop.call_soon(self._protocol.connection_lost, None)

        abort = close

    class Connector(aiohttp.BaseConnector):
        async def _create_connection(self, *_: Any) -> Any:
            protocol = ResponseHandler(loop)
            protocol.connection_made(InMemory(protocol))
            return protocol

    async with aiohttp.ClientSession(connector=Connector()) as session:

        async def ask() -> None:
            async with session.get(URL) as answer:
                await answer.read()

        return await _best(root, ask)


CASES: dict[str, Callable[[Root], Awaitable[float]]] = {
    "httpx": httpx,
    "httpx, async": httpx_async,
    "aiohttp": aiohttp,
}


async def _best(root: Root, ask: Callable[[], Awaitable[Any]]) -> float:
    """Microseconds for a request, in the best of the transactions."""
    best = float("inf")
    for _ in range(TRANSACTIONS):
        with root():
            gc.collect()
            gc.disable()
            begin = thread_time_ns()
            for _ in range(REQUESTS):
                await ask()
            best = min(best, (thread_time_ns() - begin) / REQUESTS / 1e3)
            gc.enable()
    return best


def _run(case: str, subject: str) -> float | None:
    command = [sys.executable, "-m", "benchmarks.clients", "--work", case, subject]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    if said.returncode:
        print(f"{subject} is left out of {case}: {said.stderr.splitlines()[-1]}", file=sys.stderr)
        return None
    return float(json.loads(said.stdout.splitlines()[-1]))


def main() -> None:
    """Measure each tool in turn, several rounds, and print the middle ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clients", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        case, subject = given.work
        print(json.dumps(asyncio.run(CASES[case](SUBJECTS[subject]()))), flush=True)  # type: ignore[arg-type]
        return
    others = [name for name in SUBJECTS if name != "nobody"]
    print(
        f"{'microseconds added to a request':34}"
        + "".join(f"{name:>16}" for name in others)
        + "   ours to sentry-sdk's"
    )
    for case in CASES:
        rounds: list[dict[str, float]] = []
        for _ in range(given.rounds):
            taken = {name: _run(case, name) for name in SUBJECTS}
            plain = taken.pop("nobody") or 0.0
            rounds.append({name: found - plain for name, found in taken.items() if found is not None})
        middles = {name: statistics.median(one[name] for one in rounds if name in one) for name in rounds[0]}
        row = "".join(f"{middles[name]:16.1f}" if name in middles else f"{'':16}" for name in others)
        ratio = statistics.median(one["instrument"] / one["sentry-sdk"] for one in rounds)
        print(f"{case:34}{row}{ratio:12.2f}")


if __name__ == "__main__":
    main()

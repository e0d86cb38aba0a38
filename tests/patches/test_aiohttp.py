"""Requests with aiohttp's client."""

import asyncio
import contextlib
import socket
import threading

import aiohttp
import pytest
from aiohttp import web as server

import instrument
from instrument import _guard
from instrument.exporters import Memory
from instrument.patches._http import Outgoing
from tests.contracts.http_body import BODY, BodyContract
from tests.contracts.web import LIMIT, Web

VERSION = tuple(int(part) for part in aiohttp.__version__.split(".")[:2])
OURS = {"sentry-trace", "baggage", "traceparent", "tracestate"}


def limit(seconds=LIMIT):
    return aiohttp.ClientTimeout(total=seconds)


class TestClientSession(BodyContract):
    origin = "auto.http.aiohttp"

    def request(self, method, url, *, headers=None, body=None, timeout=LIMIT):
        async def parts():
            for part in body:
                yield part

        async def ask():
            async with aiohttp.ClientSession(timeout=limit(timeout)) as session:
                session._retry_connection = False  # it would ask again, which is a span of its own
                data = body if body is None or isinstance(body, bytes) else parts()
                async with session.request(method, url, headers=headers, data=data) as response:
                    await response.read()
                    return response.status

        return asyncio.run(ask())

    def stream(self, url, between, *, is_read=True):
        async def ask():
            async with aiohttp.ClientSession(timeout=limit()) as session, session.get(url) as response:
                between()
                return b"".join([part async for part in response.content.iter_any()]) if is_read else None

        return asyncio.run(ask())


@pytest.fixture
def web():
    with Web() as web:
        yield web


@pytest.fixture
def memory():
    memory = Memory()
    instrument.init(exporter=memory)
    return memory


def run(work, **options):
    """Run `work(session)` in a transaction."""

    async def main():
        async with aiohttp.ClientSession(**{"timeout": limit(), **options}) as session:
            return await work(session)

    with instrument.transaction("test", "work"):
        return asyncio.run(main())


async def fetch(session, url, **given):
    async with session.get(url, **given) as response:
        return await response.read()


def spans_of(memory):
    return memory.transactions[-1].spans


def pages(memory):
    return [(span.description.rpartition("/")[2], span.status) for span in spans_of(memory)]


def test_awaited_or_in_a_block_a_request_is_one_span(web, memory):
    async def work(session):
        await (await session.get(f"{web.url}/ok")).read()
        async with session.get(f"{web.url}/404") as response:
            await response.text()
        async with aiohttp.request("GET", f"{web.url}/500") as response:
            await response.text()

    run(work)
    assert pages(memory) == [("ok", "ok"), ("404", "not_found"), ("500", "internal_error")]


def test_parameters_and_a_base_address_are_told_as_they_are_sent(web, memory):
    async def work(session):
        async with session.get("/ok", params={"word": "a b"}) as response:
            await response.read()

    run(work, base_url=web.url)
    (span,) = spans_of(memory)
    assert (span.description, span.data["http.query"]) == (f"GET {web.url}/ok", "word=a+b")
    assert web.seen[-1][0] == "GET /ok?word=a+b"


def test_a_status_that_raises_is_an_answer(web, memory):
    async def work(session):
        with pytest.raises(aiohttp.ClientResponseError):
            await fetch(session, f"{web.url}/404")

    run(work, raise_for_status=True)
    assert pages(memory) == [("404", "not_found")]


def test_a_request_shows_the_program_nothing_of_ours(web, memory):
    async def work(session):
        given = {"X": "1", "Baggage": "a=1"}
        async with session.get(f"{web.url}/moved", headers=given) as response:
            shown = [response.request_info.headers, response.history[0].request_info.headers]
        assert given == {"X": "1", "Baggage": "a=1"}
        return shown

    for headers in run(work):
        assert not OURS & {name.lower() for name in headers} - {"baggage"}
        assert (headers["baggage"], headers["x"]) == ("a=1", "1")
    spans = spans_of(memory)
    assert [web.parent(number)[1] for number in range(2)] == [span.span_id for span in spans]


def test_baggage_on_several_lines_becomes_one(web, memory):
    async def work(session):
        await fetch(session, f"{web.url}/ok", headers=[("baggage", "a=1"), ("baggage", "b=2")])

    run(work)
    (baggage,) = web.values("baggage")
    assert baggage.startswith("a=1,b=2,sentry-")


def test_the_programs_own_trace_configs_are_untouched_and_come_first(web, memory):
    told = []
    config = aiohttp.TraceConfig()

    async def start(session, context, given):
        told.append("start")
        given.headers["baggage"] = "mine=1"

    async def end(session, context, given):
        told.append(given.response.status)

    config.on_request_start.append(start)
    config.on_request_end.append(end)

    async def work(session):
        assert session.trace_configs == [config]
        await fetch(session, f"{web.url}/ok")

    run(work, trace_configs=[config])
    assert (told, len(spans_of(memory))) == (["start", 200], 1)
    assert web.values("baggage")[0].startswith("mine=1,sentry-")


def test_a_request_that_is_given_up_while_it_is_sent_ends_its_span(web, memory):
    config = aiohttp.TraceConfig()

    async def refuse(session, context, given):
        raise ValueError("not today")

    config.on_request_headers_sent.append(refuse)

    async def work(session):
        with pytest.raises(ValueError, match="not today") as caught:
            await fetch(session, f"{web.url}/ok")
        instrument.capture_exception(caught.value)

    run(work, trace_configs=[config])
    (span,) = spans_of(memory)
    assert (span.status, span.tags) == ("internal_error", None)
    assert memory.errors[-1].span_id == span.span_id


@pytest.mark.skipif(VERSION < (3, 12), reason="needs aiohttp 3.12")
def test_a_request_that_a_middleware_sends_twice_names_itself_anew(web, memory):
    async def twice(request, handler):
        await (await handler(request)).read()
        request.headers["Authorization"] = "Token 1"
        return await handler(request)

    async def work(session):
        await fetch(session, f"{web.url}/ok")

    run(work, middlewares=(twice,))
    assert [web.parent(number)[1] for number in range(2)] == [span.span_id for span in spans_of(memory)]
    assert web.values("authorization", 1) == ["Token 1"]


@pytest.mark.skipif(VERSION < (3, 10), reason="needs aiohttp 3.10")
def test_a_request_repeated_on_another_connection_is_a_span_for_each_try(memory):
    """aiohttp asks again when a kept connection turns out to be closed."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for counts in ((answer, b""), (answer,)):
                peer, _ = listener.accept()
                with peer:
                    for one in counts:
                        peer.recv(4096)
                        peer.sendall(one)

        thread = threading.Thread(target=serve)
        thread.start()

        async def work(session):
            for page in ("first", "second"):
                async with session.get(f"http://127.0.0.1:{listener.getsockname()[1]}/{page}") as response:
                    await response.read()

        run(work)
        thread.join(LIMIT)
    assert pages(memory) == [("first", "ok"), ("second", "internal_error"), ("second", "ok")]


def test_a_request_through_a_proxy_names_both_and_no_password(web, memory):
    async def work(session):
        proxy = f"http://me:secret@127.0.0.1:{web.port}"
        await fetch(session, "http://you:hidden@behind.example/ok?a=1#part", proxy=proxy)

    run(work)
    (span,) = spans_of(memory)
    assert (span.description, span.data["url"]) == ("GET http://behind.example/ok", "http://behind.example/ok")
    assert (span.data["http.query"], span.data["http.fragment"]) == ("a=1", "part")
    assert (span.data["network.peer.address"], span.data["network.peer.port"]) == ("127.0.0.1", web.port)
    assert "secret" not in repr(span.data)
    assert "hidden" not in repr(span.data)
    assert web.parent()[1] == span.span_id


def test_a_tunnel_that_the_proxy_refuses_is_a_failed_request_and_the_proxy_is_told_no_trace(web, memory):
    async def work(session):
        with pytest.raises(aiohttp.ClientHttpProxyError):
            await fetch(session, "https://behind.example:1/ok", proxy=web.url)

    run(work)
    (span,) = spans_of(memory)
    assert (span.description, span.status) == ("GET https://behind.example:1/ok", "internal_error")
    assert [line for line, _ in web.seen] == ["CONNECT behind.example:1"]
    assert web.values("sentry-trace") == []


def test_a_websocket_is_a_span_for_its_opening(memory):
    seen = []

    async def echo(request):
        seen.append(request.headers["sentry-trace"].split("-")[1])
        socket = server.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    async def plain(request):
        return server.Response(text="no socket")

    async def work(session):
        app = server.Application()
        app.add_routes([server.get("/ws", echo), server.get("/plain", plain)])
        runner = server.AppRunner(app)
        await runner.setup()
        site = server.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        try:
            async with session.ws_connect(f"{url}/ws") as socket:
                await socket.send_str("hello")
                assert (await socket.receive()).data == "hello"
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(f"{url}/plain")
        finally:
            await runner.cleanup()

    run(work)
    opened, refused = spans_of(memory)
    assert (opened.status, opened.data["http.response.status_code"], BODY in opened.data) == ("ok", 101, False)
    assert seen == [opened.span_id]
    assert (refused.status, refused.data["http.response.status_code"]) == ("ok", 200)


@contextlib.asynccontextmanager
async def occupied(session, web):
    """The session's only connection is in use."""
    task = asyncio.ensure_future(fetch(session, f"{web.url}/silent"))
    while not web.seen:
        await asyncio.sleep(0.001)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def one_connection():
    return aiohttp.TCPConnector(limit=1)


@pytest.mark.skipif(VERSION < (3, 10), reason="needs aiohttp 3.10, where the limit on connecting is set further in")
@pytest.mark.parametrize("time", [{"total": 0.05}, {"connect": 0.05}])
def test_a_time_limit_while_there_is_no_connection_is_a_failure_and_no_cancellation(web, memory, time):
    async def work(session):
        async with aiohttp.ClientSession(connector=one_connection()) as session, occupied(session, web):
            with pytest.raises(asyncio.TimeoutError):
                await fetch(session, f"{web.url}/ok", timeout=aiohttp.ClientTimeout(**time))

    run(work)
    assert pages(memory) == [("silent", "cancelled"), ("ok", "internal_error")]


def test_a_cancelled_task_leaves_a_cancelled_span(web, memory):
    async def work(session):
        async with aiohttp.ClientSession(connector=one_connection()) as session, occupied(session, web):
            waiting = asyncio.ensure_future(fetch(session, f"{web.url}/ok"))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    run(work)
    assert pages(memory) == [("silent", "cancelled"), ("ok", "cancelled")]


def test_requests_of_tasks_that_run_at_once_belong_each_to_its_own(web, memory):
    async def ask(session, number):
        with instrument.span("step", f"task {number}"):
            async with session.get(f"{web.url}/{200 + number}") as response:
                await response.read()

    async def work(session):
        await asyncio.gather(*(ask(session, number) for number in range(3)))

    run(work)
    steps = {span.span_id: span.description[-1] for span in spans_of(memory) if span.op == "step"}
    calls = {span.parent_span_id: span.description[-1] for span in spans_of(memory) if span.op == "http.client"}
    assert calls == steps
    assert len(steps) == 3


@pytest.mark.parametrize("broken", ["begin", "answered"])
def test_a_fault_of_ours_reaches_nobody_and_after_ten_the_patch_is_off(web, memory, monkeypatch, broken):
    monkeypatch.setattr(_guard, "strict", False)

    async def work(session):
        for _ in range(11):
            async with session.get(f"{web.url}/ok") as response:
                assert await response.read() == b"ok"

    instrument.patch("aiohttp")
    monkeypatch.setattr(Outgoing, broken, None)
    run(work)
    (state,) = [one for one in instrument.patches() if one.name == "aiohttp"]
    assert (state.state, state.why) == ("off", "took itself off after 10 faults")
    instrument.unpatch("aiohttp")


def test_too_old_a_version_is_refused_with_a_reason(memory, monkeypatch):
    instrument.unpatch("aiohttp")
    before = aiohttp.ClientResponse.start
    monkeypatch.setattr(aiohttp, "__version__", "3.7.4")
    instrument.patch("aiohttp")
    (state,) = [one for one in instrument.patches() if one.name == "aiohttp"]
    assert (state.state, state.why) == ("off", "version 3.7.4 is too old: the patch is made for 3.8 and later")
    assert aiohttp.ClientResponse.start is before

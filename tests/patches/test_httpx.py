"""Requests with httpx, sync and async, over any transport."""

import asyncio
import pickle

import httpx
import pytest
import trio

import instrument
from instrument import _guard
from instrument.exporters import Memory
from instrument.middleware import asgi, wsgi
from instrument.patches._http import Outgoing
from tests.contracts.http_body import BODY, BodyContract
from tests.contracts.web import LIMIT, Web

OURS = {"sentry-trace", "baggage", "traceparent", "tracestate"}


class TestClient(BodyContract):
    origin = "auto.http.httpx"

    def request(self, method, url, *, headers=None, body=None, timeout=LIMIT):
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            return client.request(method, url, headers=headers, content=body).status_code

    def stream(self, url, between, *, is_read=True):
        with httpx.Client(timeout=LIMIT) as client, client.stream("GET", url) as response:
            between()
            return b"".join(response.iter_bytes()) if is_read else None


class TestAsyncClient(BodyContract):
    origin = "auto.http.httpx"

    def request(self, method, url, *, headers=None, body=None, timeout=LIMIT):
        async def parts():
            for part in body:
                yield part

        async def ask():
            async with httpx.AsyncClient(timeout=timeout, follow_redirects=True) as client:
                content = body if body is None or isinstance(body, bytes) else parts()
                return (await client.request(method, url, headers=headers, content=content)).status_code

        return asyncio.run(ask())

    def stream(self, url, between, *, is_read=True):
        async def ask():
            async with httpx.AsyncClient(timeout=LIMIT) as client, client.stream("GET", url) as response:
                between()
                return b"".join([part async for part in response.aiter_bytes()]) if is_read else None

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


def ask_sync(url, *, method="GET", client=None, **given):
    with httpx.Client(**{"timeout": LIMIT, **(client or {})}) as opened:
        return opened.request(method, url, **given)


def ask_async(url, *, method="GET", client=None, **given):
    async def ask():
        async with httpx.AsyncClient(**{"timeout": LIMIT, **(client or {})}) as opened:
            return await opened.request(method, url, **given)

    return asyncio.run(ask())


@pytest.fixture(params=[ask_sync, ask_async])
def ask(request):
    return request.param


def hooks(ask, **given):
    """Event hooks of a client of either kind."""

    def of_kind(function):
        async def hook(one):
            function(one)

        return hook if ask is ask_async else function

    return {"event_hooks": {name: [of_kind(function)] for name, function in given.items()}}


class Answers(httpx.MockTransport):
    """A transport that keeps the headers it was sent, and gives one answer after the other."""

    def __init__(self, *answers):
        self.sent = []
        left = list(answers)

        def answer(request):
            self.sent.append(dict(request.headers))
            return left.pop(0) if left else httpx.Response(200)

        super().__init__(answer)

    def parents(self):
        return [sent["sentry-trace"].split("-")[1] for sent in self.sent]


def spans_of(memory):
    return memory.transactions[-1].spans


def test_the_librarys_own_functions_are_recorded(web, memory):
    with instrument.transaction("test", "get"):
        httpx.get(f"{web.url}/ok")
    assert [span.description for span in spans_of(memory)] == [f"GET {web.url}/ok"]


def test_a_request_shows_the_program_nothing_of_ours(memory, ask):
    transport = Answers()
    shown = []
    keep = hooks(ask, request=lambda one: shown.append(one.headers), response=lambda one: shown.append(one.headers))
    with instrument.transaction("test", "shown"):
        response = ask(
            "http://a.example/", client={"transport": transport, **keep}, headers={"X": "1", "Baggage": "a=1"}
        )
    assert transport.sent[0].keys() >= {"sentry-trace", "traceparent"}
    assert transport.sent[0]["baggage"].startswith("a=1,sentry-")
    assert not OURS & {*shown[0], *shown[1]} - {"baggage"}
    assert not OURS & response.request.headers.keys() - {"baggage"}
    assert (response.request.headers["baggage"], response.request.headers["x"]) == ("a=1", "1")


def test_a_request_without_headers_of_ours_shows_none_of_them_either(memory, ask):
    transport = Answers()
    with instrument.transaction("test", "shown"):
        response = ask("http://a.example/", client={"transport": transport})
    assert transport.sent[0].keys() >= {"sentry-trace", "baggage", "traceparent"}
    assert not OURS & response.request.headers.keys()
    assert "user-agent" in response.request.headers


@pytest.mark.parametrize("baggage", ["a=1,sentry-release=old", "sentry-release=old"])
def test_members_of_another_trace_are_missing_on_the_way_only(memory, ask, baggage):
    transport = Answers()
    headers = {"sentry-trace": f"{'1' * 32}-{'2' * 16}-1"}
    with instrument.transaction("test", "shown", headers=headers):
        response = ask("http://a.example/", client={"transport": transport}, headers={"Baggage": baggage})
    assert "sentry-" not in transport.sent[0].get("baggage", "")
    assert response.request.headers["baggage"] == baggage


def test_what_a_transport_changes_in_the_headers_stays(memory, ask):
    def answer(request):
        del request.headers["traceparent"]
        request.headers["sentry-trace"] = "chosen"
        request.headers["x"] = "1"
        return httpx.Response(200)

    with instrument.transaction("test", "changed"):
        response = ask("http://a.example/", client={"transport": httpx.MockTransport(answer)})
    assert {"sentry-trace": "chosen", "x": "1"}.items() <= dict(response.request.headers).items()
    assert not response.request.headers.keys() & {"traceparent", "baggage"}


def test_a_redirect_takes_no_trace_to_where_none_may_go(ask):
    memory = Memory()
    instrument.init(exporter=memory, trace_propagation_targets=["//a.example"])
    transport = Answers(httpx.Response(302, headers={"Location": "http://b.example/x"}))
    with instrument.transaction("test", "redirect"):
        ask("http://a.example/", client={"transport": transport, "follow_redirects": True})
    first, second = transport.sent
    assert "sentry-trace" in first
    assert not OURS & second.keys()
    assert [span.description for span in spans_of(memory)] == ["GET http://a.example/", "GET http://b.example/x"]


def test_each_step_of_an_authentication_is_a_span_and_names_itself_to_the_server(memory, ask):
    class Challenged(httpx.Auth):
        def auth_flow(self, request):
            response = yield request
            if response.status_code == 401:
                request.headers["Authorization"] = "Token 1"
                yield request

    transport = Answers(httpx.Response(401))
    with instrument.transaction("test", "auth"):
        response = ask("http://a.example/", client={"transport": transport, "auth": Challenged()})
    assert response.status_code == 200
    spans = spans_of(memory)
    assert [span.status for span in spans] == ["unauthenticated", "ok"]
    assert transport.parents() == [span.span_id for span in spans]
    assert transport.sent[1]["baggage"].count("sentry-trace_id=") == 1


def test_a_signature_made_by_an_authentication_is_left_alone(memory, ask):
    class Signed(httpx.Auth):
        def auth_flow(self, request):
            request.headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=y"
            yield request

    transport = Answers()
    with instrument.transaction("test", "signed"):
        ask("http://a.example/", client={"transport": transport, "auth": Signed()})
    assert not OURS & transport.sent[0].keys()
    assert len(spans_of(memory)) == 1


def test_a_request_hook_comes_first_and_may_set_baggage_or_refuse(memory, ask):
    def mark(request):
        request.headers["baggage"] = "mine=1"

    def refuse(request):
        raise PermissionError("not today")

    transport = Answers()
    with instrument.transaction("test", "hooks") as transaction:
        ask("http://a.example/", client={"transport": transport, **hooks(ask, request=mark)})
        with pytest.raises(PermissionError):
            ask("http://a.example/", client={"transport": transport, **hooks(ask, request=refuse)})
        assert instrument.get_current_span() is transaction
    assert transport.sent[0]["baggage"].startswith("mine=1,sentry-")
    assert len(spans_of(memory)) == 1


def test_whatever_transport_a_request_is_mounted_on_it_is_one_span(memory, ask):
    class Passing(httpx.BaseTransport, httpx.AsyncBaseTransport):
        def __init__(self):
            self.inner = Answers(httpx.Response(503))

        def handle_request(self, request):
            return self.inner.handle_request(request)

        async def handle_async_request(self, request):
            return await self.inner.handle_async_request(request)

    mounts = {"all://mounted.example": Passing()}
    with instrument.transaction("test", "mounts"):
        ask("http://mounted.example/x", client={"transport": Answers(), "mounts": mounts})
        ask("http://plain.example/y", client={"transport": Answers(), "mounts": mounts})
    assert [(span.description, span.status) for span in spans_of(memory)] == [
        ("GET http://mounted.example/x", "unavailable"),
        ("GET http://plain.example/y", "ok"),
    ]


def test_an_application_called_in_the_process_continues_the_trace_and_nothing_is_doubled(memory):
    def say(environ, start_response):
        with instrument.span("step", "inside"):
            start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    async def say_async(scope, receive, send):
        with instrument.span("step", "inside"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    sync = {"transport": httpx.WSGITransport(app=wsgi.Tracing(say))}
    other = {"transport": httpx.ASGITransport(app=asgi.Tracing(say_async))}
    for ask, client in ((ask_sync, sync), (ask_async, other)):
        memory.clear()
        with instrument.transaction("test", "caller"):
            assert ask("http://app.example/", client=client).text == "hello"
        served, calling = memory.transactions
        (call,) = calling.spans
        assert (call.op, call.description) == ("http.client", "GET http://app.example/")
        assert (served.trace_id, served.parent_span_id) == (calling.trace_id, call.span_id)
        assert [span.description for span in served.spans] == ["inside"]


def test_a_request_through_a_proxy_names_both_and_no_password(web, memory, ask):
    kind = httpx.HTTPTransport if ask is ask_sync else httpx.AsyncHTTPTransport
    proxied = {"transport": kind(proxy=httpx.Proxy(f"http://me:secret@127.0.0.1:{web.port}"))}
    with instrument.transaction("test", "proxy"):
        ask("http://you:hidden@behind.example/ok?a=1#part", client=proxied)
    (span,) = spans_of(memory)
    assert (span.description, span.data["url"]) == ("GET http://behind.example/ok", "http://behind.example/ok")
    assert (span.data["http.query"], span.data["http.fragment"]) == ("a=1", "part")
    assert (span.data["network.peer.address"], span.data["network.peer.port"]) == ("127.0.0.1", web.port)
    assert "secret" not in repr(span.data)
    assert "hidden" not in repr(span.data)
    assert web.parent()[1] == span.span_id


def test_a_tunnel_that_the_proxy_refuses_is_a_failed_request_and_the_proxy_is_told_no_trace(web, memory, ask):
    kind = httpx.HTTPTransport if ask is ask_sync else httpx.AsyncHTTPTransport
    with instrument.transaction("test", "tunnel"), pytest.raises(httpx.ProxyError):
        ask("https://behind.example:1/ok", client={"transport": kind(proxy=httpx.Proxy(web.url))})
    (span,) = spans_of(memory)
    assert (span.description, span.status) == ("GET https://behind.example:1/ok", "internal_error")
    assert [line for line, _ in web.seen] == ["CONNECT behind.example:1"]
    assert web.values("sentry-trace") == []


@pytest.mark.parametrize("fault", [httpx.ConnectTimeout, httpx.ReadTimeout, httpx.PoolTimeout, OSError])
def test_a_failure_passes_as_it_is_and_carries_the_requests_span(memory, ask, fault):
    raised = []

    def answer(request):
        raised.append(fault("too late"))
        raise raised[0]

    with instrument.transaction("test", "late"):
        try:
            ask("http://a.example/", client={"transport": httpx.MockTransport(answer)})
        except fault as error:
            assert error is raised[0]
            instrument.capture_exception(error)
            if isinstance(error, httpx.HTTPError):
                assert not OURS & error.request.headers.keys()
    (span,) = spans_of(memory)
    assert (span.status, memory.errors[-1].span_id) == ("internal_error", span.span_id)
    assert BODY not in span.data


def test_an_address_without_a_host_is_not_sent_and_no_span(memory, ask):
    with instrument.transaction("test", "nowhere"), pytest.raises(httpx.UnsupportedProtocol):
        ask("/relative")
    assert spans_of(memory) == []


@pytest.mark.parametrize("body", [{"text": "owl"}, {"stream": httpx.ByteStream(b"owl")}])
def test_a_response_can_be_pickled_and_closed_again_as_ever_and_keeps_nothing_of_ours(memory, body):
    with instrument.transaction("test", "kept"):
        response = ask_sync("http://a.example/", client={"transport": Answers(httpx.Response(200, **body))})
        assert pickle.loads(pickle.dumps(response)).text == "owl"
        response.close()
    (span,) = spans_of(memory)
    assert (span.status, BODY in span.data) == ("ok", True)
    assert "close" not in vars(response.stream)


def test_a_cancelled_task_leaves_a_cancelled_span(web, memory):
    async def main():
        async with httpx.AsyncClient(timeout=LIMIT) as client:
            task = asyncio.ensure_future(client.get(f"{web.url}/silent"))
            while not web.seen:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with instrument.transaction("test", "cancelled"):
        asyncio.run(main())
    (span,) = spans_of(memory)
    assert (span.status, span.tags) == ("cancelled", None)


def test_under_trio_it_is_the_same(web, memory):
    async def main():
        async with httpx.AsyncClient(timeout=LIMIT) as client:
            assert (await client.get(f"{web.url}/ok")).text == "ok"
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(client.get, f"{web.url}/silent")
                    while len(web.seen) < 2:
                        await trio.sleep(0.001)
                    scope.cancel()

    with instrument.transaction("test", "trio"):
        trio.run(main)
    assert [span.status for span in spans_of(memory)] == ["ok", "cancelled"]


def test_requests_of_tasks_that_run_at_once_belong_each_to_its_own(memory):
    async def ask(client, number):
        with instrument.span("step", f"task {number}"):
            await client.get(f"http://a.example/{number}")

    async def main():
        async with httpx.AsyncClient(transport=Answers()) as client:
            await asyncio.gather(*(ask(client, number) for number in range(3)))

    with instrument.transaction("test", "tasks"):
        asyncio.run(main())
    steps = {span.span_id: span.description[-1] for span in spans_of(memory) if span.op == "step"}
    calls = {span.parent_span_id: span.description[-1] for span in spans_of(memory) if span.op == "http.client"}
    assert calls == steps
    assert len(steps) == 3


def test_a_fault_of_ours_reaches_nobody_and_after_ten_the_patch_is_off(memory, ask, monkeypatch):
    monkeypatch.setattr(_guard, "strict", False)
    for broken in ("begin", "answered"):
        instrument.unpatch("httpx")
        instrument.patch("httpx")
        with monkeypatch.context() as world:
            world.setattr(Outgoing, broken, None)
            for _ in range(11):
                assert ask("http://a.example/", client={"transport": Answers()}).status_code == 200
        (state,) = [one for one in instrument.patches() if one.name == "httpx"]
        assert (state.state, state.why) == ("off", "took itself off after 10 faults")
    instrument.unpatch("httpx")


def test_too_old_a_version_is_refused_with_a_reason(memory, monkeypatch):
    instrument.unpatch("httpx")
    before = httpx.Client._send_single_request
    monkeypatch.setattr(httpx, "__version__", "0.22.0")
    instrument.patch("httpx")
    (state,) = [one for one in instrument.patches() if one.name == "httpx"]
    assert (state.state, state.why) == ("off", "version 0.22.0 is too old: the patch is made for 0.23 and later")
    assert httpx.Client._send_single_request is before

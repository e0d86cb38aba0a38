"""What holds for every HTTP client that we patch. A test class inherits it and says how its library makes a request."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

import instrument
from instrument.exporters import Memory, Sentry
from tests.contracts.web import LIMIT, Web, closed_port


class HttpContract:
    origin = "auto.http.stdlib.httplib"
    follows_redirects = True

    def request(self, method, url, *, headers=None, body=None, timeout=LIMIT):
        """Make a request, read the answer to its end, and return the code. What the library raises passes."""
        raise NotImplementedError

    @pytest.fixture
    def web(self):
        with Web() as web:
            yield web

    @pytest.fixture
    def memory(self):
        memory = Memory()
        instrument.init(exporter=memory)
        return memory

    def record(self, memory, method, url, **given):
        """The spans of a transaction in which the request is made, and what the request came to."""
        outcome = None
        with instrument.transaction("test", "request"):
            try:
                outcome = self.request(method, url, **given)
            except Exception as error:
                outcome = error
        return memory.transactions[-1].spans, outcome

    def test_a_request_is_one_span_that_says_what_was_asked_and_answered(self, web, memory):
        (span,), code = self.record(memory, "GET", f"{web.url}/ok")
        assert code == 200
        assert (span.op, span.description, span.status) == ("http.client", f"GET {web.url}/ok", "ok")
        assert span.data == {
            "sentry.origin": self.origin,
            "url": f"{web.url}/ok",
            "http.method": "GET",
            "http.response.status_code": 200,
            "reason": "OK",
        }
        assert span.tags == {"http.status_code": "200"}
        assert span.parent_span_id == memory.transactions[-1].span_id

    def test_the_query_is_data_and_no_part_of_the_description(self, web, memory):
        (span,), _ = self.record(memory, "GET", f"{web.url}/ok?word=a%20b&n=1")
        assert span.description == f"GET {web.url}/ok"
        assert span.data["http.query"] == "word=a%20b&n=1"
        assert web.seen[-1][0] == "GET /ok?word=a%20b&n=1"

    @pytest.mark.parametrize(
        ("code", "status"), [(204, "ok"), (404, "not_found"), (500, "internal_error"), (503, "unavailable")]
    )
    def test_the_status_follows_the_code(self, web, memory, code, status):
        (span,), got = self.record(memory, "GET", f"{web.url}/{code}")
        assert (got, span.status, span.data["http.response.status_code"]) == (code, status, code)

    @pytest.mark.parametrize("page", ["reset", "silent"])
    def test_a_request_that_breaks_ends_its_span_and_raises_as_ever(self, web, memory, page):
        (span,), error = self.record(memory, "GET", f"{web.url}/{page}", timeout=0.2 if page == "silent" else LIMIT)
        assert isinstance(error, Exception)
        assert (span.status, span.tags) == ("internal_error", None)
        assert "http.response.status_code" not in span.data

    def test_a_refused_connection_ends_its_span_and_raises_as_ever(self, memory):
        url = f"http://127.0.0.1:{closed_port()}/"
        (span,), error = self.record(memory, "GET", url)
        assert isinstance(error, Exception)
        assert (span.description, span.status) == (f"GET {url}", "internal_error")

    def test_each_hop_of_a_redirect_is_a_span(self, web, memory):
        spans, code = self.record(memory, "GET", f"{web.url}/moved")
        pages = [(span.description.rpartition("/")[2], span.data["http.response.status_code"]) for span in spans]
        assert (pages, code) == (
            ([("moved", 302), ("ok", 200)], 200) if self.follows_redirects else ([("moved", 302)], 302)
        )

    @pytest.mark.parametrize("page", ["continue", "stream"])
    def test_answers_in_parts_are_one_span(self, web, memory, page):
        (span,), code = self.record(memory, "GET", f"{web.url}/{page}")
        assert (code, span.status) == (200, "ok")

    def test_head(self, web, memory):
        (span,), code = self.record(memory, "HEAD", f"{web.url}/ok")
        assert (code, span.description, span.data["http.method"]) == (200, f"HEAD {web.url}/ok", "HEAD")

    @pytest.mark.parametrize("parts", [b"whole", (b"in ", b"chunks")])
    def test_a_body_arrives_whole(self, web, memory, parts):
        spans, code = self.record(memory, "POST", f"{web.url}/ok", body=parts if parts == b"whole" else iter(parts))
        assert (len(spans), code, web.bodies) == (1, 200, [parts if parts == b"whole" else b"".join(parts)])

    def test_the_server_is_told_the_span_it_was_called_in(self, web, memory):
        (span,), _ = self.record(memory, "GET", f"{web.url}/ok")
        assert web.parent() == [span.trace_id, span.span_id, "1"]
        assert web.values("traceparent") == [f"00-{span.trace_id}-{span.span_id}-01"]
        (baggage,) = web.values("baggage")
        assert f"sentry-trace_id={span.trace_id}" in baggage.split(",")

    def test_baggage_of_the_callers_own_is_merged_into_one_line(self, web, memory):
        given = {"Baggage": "other=1;p=2,sentry-trace_id=0123456789abcdef0123456789abcdef,last=3"}
        self.record(memory, "GET", f"{web.url}/ok", headers=given)
        (baggage,) = web.values("baggage")
        members = baggage.split(",")
        assert members[:2] == ["other=1;p=2", "last=3"]
        assert [member for member in members if member.startswith("sentry-trace_id=")] == [
            f"sentry-trace_id={memory.transactions[-1].trace_id}"
        ]
        assert given == {"Baggage": "other=1;p=2,sentry-trace_id=0123456789abcdef0123456789abcdef,last=3"}

    @pytest.mark.parametrize(
        ("given", "left"), [("a=1,sentry-release=old,b=2", ["a=1,b=2"]), ("sentry-release=old", [])]
    )
    def test_members_of_another_trace_do_not_go_along_with_ours(self, web, memory, given, left):
        """Of a trace that came in without a sampling context nobody may invent one, so there is none to put there."""
        headers = {"sentry-trace": "0123456789abcdef0123456789abcdef-0123456789abcdef-1"}
        with instrument.transaction("test", "request", headers=headers):
            self.request("GET", f"{web.url}/ok", headers={"baggage": given})
        assert web.parent()[0] == "0123456789abcdef0123456789abcdef"
        assert web.values("baggage") == left

    def test_where_only_w3cs_headers_are_written_the_baggage_is_left_alone(self, web):
        instrument.init(exporter=Memory(), propagate=["w3c"])
        with instrument.transaction("test", "request"):
            self.request("GET", f"{web.url}/ok", headers={"baggage": "a=1,sentry-release=x"})
        assert len(web.values("traceparent")) == 1
        assert web.values("baggage") == ["a=1,sentry-release=x"]

    def test_a_trace_that_the_caller_chose_is_kept(self, web, memory):
        chosen = "0123456789abcdef0123456789abcdef-0123456789abcdef-1"
        self.record(memory, "GET", f"{web.url}/ok", headers={"Sentry-Trace": chosen, "baggage": "sentry-release=x"})
        assert web.values("sentry-trace") == [chosen]
        assert web.values("baggage") == ["sentry-release=x"]
        assert web.values("traceparent") == []

    def test_headers_that_the_caller_took_from_us_are_not_doubled(self, web, memory):
        with instrument.transaction("test", "request"):
            ours = instrument.trace_headers()
            self.request("GET", f"{web.url}/ok", headers=ours)
        assert {name: web.values(name) for name in ours} == {name: [value] for name, value in ours.items()}

    def test_a_traceparent_of_another_tool_is_kept(self, web, memory):
        chosen = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
        (span,), _ = self.record(memory, "GET", f"{web.url}/ok", headers={"traceparent": chosen})
        assert web.values("traceparent") == [chosen]
        assert web.parent()[:2] == [span.trace_id, span.span_id]

    @pytest.mark.parametrize(
        ("query", "headers"),
        [
            ("", {"Authorization": "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=y"}),
            ("?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=abc", {}),
        ],
    )
    def test_a_signed_request_is_recorded_and_left_as_it_is(self, web, memory, query, headers):
        (span,), _ = self.record(memory, "GET", f"{web.url}/ok{query}", headers={**headers, "baggage": "a=1"})
        assert span.status == "ok"
        assert (web.values("sentry-trace"), web.values("traceparent"), web.values("baggage")) == ([], [], ["a=1"])

    def test_only_targets_are_told(self, web):
        memory = Memory()
        instrument.init(exporter=memory, trace_propagation_targets=["example.org", "/404"])
        (told,), _ = self.record(memory, "GET", f"{web.url}/404")
        assert web.parent()[1] == told.span_id
        (span,), _ = self.record(memory, "GET", f"{web.url}/ok")
        assert (span.status, web.values("sentry-trace"), web.values("baggage")) == ("ok", [], [])

    def test_requests_to_our_own_destination_are_none_of_our_business(self, web):
        memory = Memory()
        instrument.init(f"http://key@127.0.0.1:{web.port}/1", exporter=memory)
        spans, code = self.record(memory, "GET", f"{web.url}/ok")
        assert (spans, code, web.values("sentry-trace")) == ([], 200, [])

    def test_nor_are_those_to_a_destination_that_was_given_as_an_exporter(self, web, tmp_path):
        memory = Memory()
        project = Sentry(f"http://key@127.0.0.1:{web.port}/1")
        instrument.init(exporter=[memory, project], spool_dir=tmp_path)
        spans, code = self.record(memory, "GET", f"{web.url}/ok")
        assert (spans, code, web.values("sentry-trace", 0)) == ([], 200, [])

    def test_where_recording_is_suppressed_nothing_happens(self, web, memory):
        with instrument.transaction("test", "request"), instrument.suppress():
            self.request("GET", f"{web.url}/ok")
        assert (memory.transactions[-1].spans, web.values("sentry-trace")) == ([], [])
        assert not instrument.get_current_scope().breadcrumbs

    def test_outside_a_transaction_the_scopes_ids_are_passed_on(self, web, memory):
        self.request("GET", f"{web.url}/ok")
        scope = instrument.get_current_scope()
        assert web.parent() == [scope.trace.id, scope.span_id]
        assert (memory.transactions, instrument.stats().spans.started) == ([], 0)

    def test_an_unsampled_transaction_says_so_and_records_nothing(self, web):
        memory = Memory()
        instrument.init(exporter=memory, traces_sample_rate=0)
        with instrument.transaction("test", "request") as transaction:
            self.request("GET", f"{web.url}/ok")
        assert web.parent() == [transaction.trace_id, transaction.span_id, "0"]
        assert memory.transactions == []

    @pytest.mark.parametrize(("page", "level"), [("ok", "info"), ("404", "warning"), ("500", "error")])
    def test_a_request_leaves_a_breadcrumb(self, web, memory, page, level):
        self.request("GET", f"{web.url}/{page}?q=1")
        instrument.capture_message("afterwards")
        (crumb,) = memory.errors[-1].breadcrumbs
        assert (crumb["type"], crumb["category"], crumb["level"]) == ("http", "http", level)
        assert {key: crumb["data"][key] for key in ("url", "method", "status_code")} == {
            "url": f"{web.url}/{page}",
            "method": "GET",
            "status_code": 200 if page == "ok" else int(page),
        }

    def test_before_breadcrumb_has_its_say(self, web):
        kept = []
        instrument.init(exporter=Memory(), before_breadcrumb=lambda crumb, hint: kept.append(crumb))
        self.request("GET", f"{web.url}/ok")
        assert [crumb["data"]["status_code"] for crumb in kept] == [200]
        assert not instrument.get_current_scope().breadcrumbs

    def test_in_a_task_the_parent_is_the_tasks_own_span(self, web, memory):
        async def one(page):
            with instrument.span("step", page):
                await asyncio.to_thread(self.request, "GET", f"{web.url}/{page}")

        async def both():
            await asyncio.gather(one("ok"), one("404"))

        with instrument.transaction("test", "tasks"):
            asyncio.run(both())
        spans = memory.transactions[-1].spans
        step = {span.span_id: span.description for span in spans if span.op == "step"}
        calls = [span for span in spans if span.op == "http.client"]
        assert sorted(span.description.rpartition("/")[2] for span in calls) == ["404", "ok"]
        assert all(step[span.parent_span_id] == span.description.rpartition("/")[2] for span in calls)

    def test_in_a_thread_the_parent_is_the_span_it_was_started_in(self, web, memory):
        with instrument.transaction("test", "threads"), instrument.span("step", "here"):
            thread = threading.Thread(target=self.request, args=("GET", f"{web.url}/ok"))
            thread.start()
            thread.join(LIMIT)
        step, call = memory.transactions[-1].spans
        assert call.parent_span_id == step.span_id

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_in_a_forked_child_the_trace_goes_on(self, web, memory):
        with instrument.transaction("test", "fork") as transaction:
            child = os.fork()
            if not child:
                try:
                    self.request("GET", f"{web.url}/ok")
                finally:
                    os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        trace_id, span_id, flag = web.parent()
        assert (trace_id, flag) == (transaction.trace_id, "1")
        assert span_id != transaction.span_id
        assert memory.transactions[-1].spans == []

    def test_without_the_patch_there_is_nothing(self, web, memory):
        instrument.unpatch()
        assert self.record(memory, "GET", f"{web.url}/ok") == ([], 200)
        assert web.values("sentry-trace") == []

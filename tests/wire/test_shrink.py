"""An event that is too large loses what matters least, says so, and arrives."""

import copy
import json
import sys

from instrument.recording.error_event import error_event
from instrument.recording.stacktrace import FrameRules
from instrument.wire import encode_event
from tests.relay_check import assert_relay_accepts
from tests.wire.given import NOW, GivenSpan, error, transaction

BUDGET = 1_000_000
REMOVED = {"rem": [["!limit", "x"]]}


def shrunk(event):
    encoded = encode_event(event)
    assert len(encoded) <= BUDGET
    payload = json.loads(encoded)
    assert_relay_accepts(payload)
    return payload


def exception(frames, value="boom"):
    return {"type": "ValueError", "value": value, "stacktrace": {"frames": frames}}


def frame(**fields):
    return {"filename": "a.py", "function": "f", "lineno": 1, "context_line": "pass", **fields}


def test_what_fits_is_left_alone():
    crumbs = [{"message": f"crumb {number}"} for number in range(100)]
    payload = shrunk(error(exceptions=[exception([frame(vars={"x": "y" * 8000})])], breadcrumbs=crumbs))
    assert "_meta" not in payload
    assert len(payload["breadcrumbs"]["values"]) == 100


def test_locals_go_first():
    frames = [frame(vars={"x": "y" * 8000}) for _ in range(200)]
    crumbs = [{"message": f"crumb {number}"} for number in range(100)]
    event = error(exceptions=[exception(frames)], breadcrumbs=crumbs)
    before = copy.deepcopy(event.exceptions)
    payload = shrunk(event)
    kept = payload["exception"]["values"][0]["stacktrace"]["frames"]
    assert len(kept) == 200
    assert all("vars" not in one and one["context_line"] == "pass" for one in kept)
    noted = payload["_meta"]["exception"]["values"]["0"]["stacktrace"]["frames"]
    assert len(noted) == 200
    assert noted["7"]["vars"] == {"": REMOVED}
    assert len(payload["breadcrumbs"]["values"]) == 100
    assert event.exceptions == before


def test_then_old_breadcrumbs():
    crumbs = [{"message": str(number), "data": {"x": "y" * 20_000}} for number in range(100)]
    event = error(message="boom", breadcrumbs=crumbs)
    payload = shrunk(event)
    assert [crumb["message"] for crumb in payload["breadcrumbs"]["values"]] == [str(n) for n in range(90, 100)]
    assert payload["_meta"]["breadcrumbs"]["values"][""] == {"len": 100, **REMOVED}
    assert len(event.breadcrumbs) == 100


def test_large_data_of_spans_goes_before_small():
    spans = [GivenSpan(data={"n": n, **({"large": "x" * 8000} if n % 2 else {})}) for n in range(400)]
    payload = shrunk(transaction(*spans))
    assert [one.get("data") for one in payload["spans"][:3]] == [{"n": 0}, None, {"n": 2}]
    assert payload["_meta"]["spans"] == {"": REMOVED}
    assert spans[1].data["large"] == "x" * 8000


def test_extra_and_the_body_go_before_contexts():
    payload = shrunk(
        error(
            message="boom",
            extra={"x": "y" * 600_000},
            request={"url": "http://h/", "data": "z" * 600_000},
            contexts={"app": {"a": "b"}},
        )
    )
    assert "extra" not in payload
    assert payload["request"] == {"url": "http://h/"}
    assert payload["contexts"]["app"] == {"a": "b"}
    assert payload["_meta"] == {"extra": {"": REMOVED}, "request": {"data": {"": REMOVED}}}


def test_contexts_go_but_the_trace_stays():
    payload = shrunk(error(message="boom", contexts={"app": {"a": "b" * 1_200_000}}))
    assert set(payload["contexts"]) == {"trace"}
    assert payload["_meta"]["contexts"]["app"] == {"": REMOVED}


def test_everything_at_once_still_arrives_with_what_is_essential():
    large = {str(number): "x" * 8000 for number in range(30)}
    payload = shrunk(
        error(
            exceptions=[exception([frame(vars=large, pre_context=["p" * 500] * 5)] * 3, "v" * 8000)] * 50,
            breadcrumbs=[{"message": "m" * 8000}] * 300,
            extra=large,
            contexts={"a": large, "b": large},
            request={"url": "http://h/", "data": large, "headers": {f"H-{n}": "v" * 8000 for n in range(300)}},
            user={"id": "1", "data": large},
            modules=dict.fromkeys(map(str, range(50_000)), "1.0"),
            tags={f"t{number}": "v" * 200 for number in range(10_000)},
            fingerprint=["f" * 8000] * 200,
            release="1.0",
        )
    )
    assert payload["release"] == "1.0"
    assert len(payload["exception"]["values"]) == 50
    assert "exception" in payload and "trace" in payload["contexts"]


def test_a_storm_of_recursion_with_locals_fits():
    def fall(levels, ballast):
        if levels:
            return fall(levels - 1, ballast)
        raise ValueError("deep")

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        fall(3000, ["x" * 1_000_000] * 100)
    except ValueError as error_raised:
        event = error_event(
            error_raised, event_id="1" * 32, time=NOW, trace_id="a" * 32, span_id="b" * 16, rules=FrameRules()
        )
    finally:
        sys.setrecursionlimit(before)
    payload = shrunk(event)
    assert len(payload["exception"]["values"][0]["stacktrace"]["frames"]) == 250

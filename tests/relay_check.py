"""Whether a Sentry server would take an event as we meant it: Relay's own normaliser is asked."""

import json
import math

from sentry_relay.processing import StoreNormalizer

_normalizer = StoreNormalizer(project_id=1, client="instrument.python/0", protocol_version="7", remove_other=True)


def assert_relay_accepts(payload):
    """Normalise the payload of one event; fail on an error in `_meta` or a lost field. Returns what is kept."""
    kept = assert_relay_is_content(payload)
    lost = list(_lost(payload, _as_sent(kept, payload), "event"))
    assert not lost, lost
    return kept


def assert_relay_is_content(payload):
    """Normalise the payload of one event; fail on an error in `_meta` only, for text that is odd but allowed."""
    kept = _normalizer.normalize_event(raw_event=json.dumps(payload, allow_nan=False))
    errors = list(_errors(kept.get("_meta"), "_meta"))
    assert not errors, errors
    return kept


def _errors(node, path):
    if not isinstance(node, dict):
        return
    for name, below in node.items():
        if name == "" and below.get("err"):
            yield f"{path}: {below['err']}"
        elif name:
            yield from _errors(below, f"{path}.{name}")


def _as_sent(kept, payload):
    """The server's form with what it stores elsewhere put back where it was sent."""
    event = dict(kept)
    event["tags"] = {key: value for key, value in kept.get("tags", ()) if key}
    if "server_name" in payload:
        event["server_name"] = event["tags"].get("server_name")
    if "message" in payload:
        event["message"] = kept.get("logentry", {}).get("formatted")
    if "user" in kept:
        event["user"] = {**(kept["user"].get("data") or {}), **kept["user"]}
    if "request" in kept:
        event["request"] = _request(kept["request"], payload["request"])
    return event


def _request(kept, sent):
    request = dict(kept)
    headers = {name.lower(): value for name, value in kept.get("headers", ())}
    request["headers"] = {name: headers.get(name.lower()) for name in sent.get("headers", ())}
    request["cookies"] = dict(kept.get("cookies", ()))
    if kept.get("query_string") is not None:
        request["query_string"] = sent.get("query_string")
    return request


def _lost(sent, kept, path):
    if path.endswith("._meta") or sent in (None, {}, [], ""):
        return
    if isinstance(sent, dict):
        for name, value in sent.items():
            yield from _lost(value, kept.get(name) if isinstance(kept, dict) else None, f"{path}.{name}")
    elif isinstance(sent, list) and isinstance(kept, list) and len(sent) == len(kept):
        for position, (one, other) in enumerate(zip(sent, kept, strict=True)):
            yield from _lost(one, other, f"{path}.{position}")
    elif not _is_same(sent, kept, path):
        yield f"{path}: sent {sent!r}, kept {kept!r}"


def _is_same(sent, kept, path):
    if isinstance(sent, float) and isinstance(kept, (int, float)):
        return math.isclose(sent, kept, rel_tol=1e-12, abs_tol=2e-6)
    if path.endswith(".status") and sent == "unknown_error":
        return kept in ("unknown_error", "internal_error")
    if path == "event.transaction_info.source" and sent == "url":
        return kept in ("url", "sanitized")
    return sent == kept or (isinstance(sent, (int, float)) and str(sent) == kept)

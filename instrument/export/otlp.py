"""The door to what only OTLP needs; and what a receiver of OTLP means by its answers: not all that HTTP would allow.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

from typing import Final

from .._value import evolve
from .._version import client_name, version
from ..transport import Answer, Transport
from ..wire.otlp import OtlpCodec, rejected_spans
from .otlp_receiver import Receiver, checked_headers, receiver_of, usable_headers
from .rate_limits import CATEGORIES, RateLimits

__all__ = [
    "OTLP_LIMITS",
    "OtlpCodec",
    "OtlpTransport",
    "Receiver",
    "checked_headers",
    "receiver_of",
    "usable_headers",
    "user_agent",
]

LATER: Final = frozenset({429, 502, 503, 504})
"""Only with these the protocol allows to send the same again."""
MISDIRECTED: Final = frozenset({401, 403, 404})
"""What we send has reached nobody who could take it. Like a redirect, that is a matter of settings, not of the data."""
IN_PARTS: Final = frozenset({400, 413, 422, 431})
"""There may be a part that is not to blame."""
REMARK_LENGTH: Final = 200
OTLP_LIMITS: Final = RateLimits(categories=dict.fromkeys(CATEGORIES, "span"), unstated=0.0)
"""All that is sent are spans, and how long a 429 is for that does not say it, the back-off tells."""


def user_agent() -> str:
    """What the header `User-Agent` has: who we are, and that we export by this protocol.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/#user-agent
    """
    return f"{client_name()} OTel-OTLP-Exporter-Python/{version()}"


class OtlpTransport:
    """Sends by another transport, and reads its answers as the protocol has them.

    An answer that does not say its own type is of `content_type`, as what was sent is.
    """

    def __init__(self, transport: Transport, content_type: str = "") -> None:
        self._transport = transport
        self._content_type = content_type

    def send(self, body: bytes) -> Answer:
        """Send `body`; what was rejected of one that was taken is told by the answer."""
        answer = self._transport.send(body)
        status = answer.status
        if answer.outcome == "accepted":
            return _partly(answer, self._content_type)
        if status is None or answer.outcome == "unreachable" or status < 400 or status in MISDIRECTED:
            return answer
        if status in LATER:
            return evolve(answer, outcome="later")
        return evolve(answer, outcome="refused", is_final=status not in IN_PARTS)

    def close(self) -> None:
        """Close the other transport."""
        self._transport.close()


def _partly(answer: Answer, content_type: str) -> Answer:
    """An answer to a body that was taken, with what it says of spans that were not."""
    rejected, message = rejected_spans(answer.headers.get("content-type") or content_type, answer.body)
    if not rejected and not message:
        return answer
    words = "".join(one if one.isprintable() else " " for one in message[:REMARK_LENGTH])
    said = f": {' '.join(words.split())}" if message else ""
    remark = f"rejected {rejected} span{'' if rejected == 1 else 's'}{said}" if rejected else f"says{said}"
    return evolve(answer, spans_refused=rejected, remark=remark)

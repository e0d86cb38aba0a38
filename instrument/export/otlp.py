"""The door to what only OTLP needs; and what a receiver of OTLP means by its answers: not all that HTTP would allow.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

from typing import Final

from .._value import evolve
from ..transport import Answer, Transport
from ..wire.otlp import OtlpCodec, rejected_spans
from .otlp_receiver import Receiver, checked_headers, receiver_of, usable_headers

__all__ = ["OtlpCodec", "OtlpTransport", "Receiver", "checked_headers", "receiver_of", "usable_headers"]

LATER: Final = frozenset({429, 502, 503, 504})
"""Only with these the protocol allows to send the same again."""
MISDIRECTED: Final = frozenset({401, 403, 404})
"""What we send has reached nobody who could take it. Like a redirect, that is a matter of settings, not of the data."""
IN_PARTS: Final = frozenset({400, 413, 422, 431})
"""There may be a part that is not to blame."""
REMARK_LENGTH: Final = 200


class OtlpTransport:
    """Sends by another transport, and reads its answers as the protocol has them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, body: bytes) -> Answer:
        """Send `body`; what was rejected of one that was taken is told by the answer."""
        answer = self._transport.send(body)
        status = answer.status
        if answer.outcome == "accepted":
            return _partly(answer)
        if status is None or answer.outcome == "unreachable" or status < 400 or status in MISDIRECTED:
            return answer
        if status in LATER:
            return evolve(answer, outcome="later")
        return evolve(answer, outcome="refused", is_final=status not in IN_PARTS)

    def close(self) -> None:
        """Close the other transport."""
        self._transport.close()


def _partly(answer: Answer) -> Answer:
    """An answer to a body that was taken, with what it says of spans that were not."""
    rejected, message = rejected_spans(answer.headers.get("content-type", ""), answer.body)
    if not rejected and not message:
        return answer
    words = "".join(one if one.isprintable() else " " for one in message[:REMARK_LENGTH])
    said = f": {' '.join(words.split())}" if message else ""
    remark = f"rejected {rejected} span{'' if rejected == 1 else 's'}{said}" if rejected else f"says{said}"
    return evolve(answer, spans_refused=rejected, remark=remark)

"""How items look as bytes: Sentry events and the envelopes they travel in."""

from .codec import Codec
from .envelope import BadEnvelope, Envelope, EnvelopeCodec, EnvelopeItem, EventCodec, client_report, read_envelope
from .event import encode_event

__all__ = [
    "BadEnvelope",
    "Codec",
    "Envelope",
    "EnvelopeCodec",
    "EnvelopeItem",
    "EventCodec",
    "client_report",
    "encode_event",
    "read_envelope",
]

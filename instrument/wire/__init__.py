"""How items look as bytes: Sentry events and the envelopes they travel in.

OpenTelemetry's spans have a door of their own, `otlp`: most programs have no use for them.
"""

from .codec import Codec
from .envelope import BadEnvelope, Envelope, EnvelopeCodec, EnvelopeItem, EventCodec, client_report, read_envelope
from .event import encode_event
from .lean import lean_envelope

__all__ = [
    "BadEnvelope",
    "Codec",
    "Envelope",
    "EnvelopeCodec",
    "EnvelopeItem",
    "EventCodec",
    "client_report",
    "encode_event",
    "lean_envelope",
    "read_envelope",
]

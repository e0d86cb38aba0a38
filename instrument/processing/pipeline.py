"""The stages in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from ..options import Options
from ..recording import Event
from .apply_scope import apply_scope
from .fold_names import FoldNames
from .ignore import IgnoreErrors, IgnoreTransactions
from .runtime import Runtime
from .sample_errors import SampleErrors
from .scrub import Scrub
from .user_hooks import BeforeSend

__all__ = ["Stage", "Step", "pipeline"]

Stage = Callable[[Event, "dict[str, Any]"], "Event | None"]


@attrs.frozen
class Step:
    """A stage, and the reason under which what it drops is counted."""

    stage: Stage
    reason: str


def pipeline(options: Options) -> tuple[Step, ...]:
    """From a finished item to one that is worth sending."""
    return (
        Step(IgnoreErrors(options.ignore_errors), "event_processor"),
        Step(IgnoreTransactions(options.ignore_transactions), "event_processor"),
        Step(apply_scope, "internal_sdk_error"),
        Step(Runtime(options), "internal_sdk_error"),
        Step(Scrub(options), "internal_sdk_error"),
        Step(FoldNames(), "internal_sdk_error"),
        Step(BeforeSend(options.before_send, options.before_send_transaction), "before_send"),
        Step(SampleErrors(options.sample_rate), "sample_rate"),
    )

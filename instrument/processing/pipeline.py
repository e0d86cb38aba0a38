"""The stages in their order."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from .._value import Value, evolve
from ..options import Options
from ..recording import HUB, Event
from .apply_scope import apply_scope
from .fold_names import FoldNames
from .ignore import IgnoreErrors, IgnoreTransactions
from .runtime import Runtime
from .sample_errors import SampleErrors
from .scrub import Scrub
from .user_hooks import BeforeSend

__all__ = ["Stage", "Step", "pipeline"]

Stage = Callable[[Event, "dict[str, Any]"], "Event | None"]


class Step(Value):
    """A stage, and the reason under which what it drops is counted."""

    stage: Stage
    reason: str
    only: str | None = None
    """The one kind of item that it is for, "transaction" or "error"; `None`: for both."""


def pipeline(options: Options) -> tuple[Step, ...]:
    """From a finished item to one that is worth sending. A stage that would change nothing is left out."""
    scrub = Scrub(options)
    HUB.clean = scrub.text
    steps = [
        Step(IgnoreErrors(options.ignore_errors), "event_processor", "error"),
        Step(IgnoreTransactions(options.ignore_transactions), "event_processor", "transaction"),
        Step(apply_scope, "internal_sdk_error"),
        Step(scrub, "internal_sdk_error"),
        Step(Runtime(options.told(scrub.text), scrub.constant), "internal_sdk_error"),
        Step(FoldNames(), "internal_sdk_error", "transaction"),
    ]
    for kind, hook in (("error", options.before_send), ("transaction", options.before_send_transaction)):
        if hook is not None:
            steps.append(Step(BeforeSend(hook), "before_send", kind))
    steps.append(Step(SampleErrors(options.sample_rate), "sample_rate", "error"))
    return tuple(evolve(step, stage=_itself(step.stage)) for step in steps)


def _itself(stage: Stage) -> Stage:
    """The function that is called, which costs less than to call an object that has it as its `__call__`."""
    return stage if type(stage) is FunctionType else stage.__call__  # type: ignore[operator]  # every stage has one

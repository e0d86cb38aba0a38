"""subprocess: a span for each program that is started and each wait for one; its environment carries the trace.

`init` in the child continues the trace below the span of its start.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ..options import process_environment, tell_program
from ..propagation import write_environment
from ..recording import HUB, NoopSpan, NoopTransaction, Span, here, start_span
from ._processes import outgoing
from .patch import Around, LibraryPatch, Rewrite

__all__ = ["Subprocesses"]

ORIGIN: Final = "auto.subprocess.stdlib.subprocess"
PID: Final = "subprocess.pid"
RETURN_CODE: Final = "subprocess.returncode"
WORDS: Final = 50
"""So many words of a command are shown."""
LONGEST: Final = 200
"""A longer word is shown up to the space before this many characters."""

_PREPARE, _SHELL, _CWD, _ENV = 6, 8, 9, 10
"""The places of arguments of `Popen`."""
_CARRIED: Final = ("SENTRY_TRACE", "SENTRY_BAGGAGE")
_PLAIN: Final = re.compile(r"[^\s\"'\\]+")
_ASSIGNED: Final = re.compile(r"-{0,2}[A-Za-z_][\w.-]*=")


class Subprocesses(LibraryPatch):
    """`Popen`, and with it `run`, `call`, `check_output` and asyncio's subprocesses. Nothing outside a transaction."""

    name = "subprocess"
    is_light = True

    def hooks(self) -> Iterable[Around | Rewrite]:
        """The one way to start a program, within the span of its start; and the two ways to wait for one."""
        return (
            Rewrite("Popen.__init__", _with_trace),
            Around("Popen.__init__", _starting, _started),
            Around("Popen.communicate", _communicating, _waited),
            Around("Popen.wait", _waiting, _waited),
        )


def _starting(process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Span] | None:
    span = _begun("subprocess", args[0] if args else kwargs.get("args"))
    if span is None or span.data is None:
        return None
    folder = _spoken(_given(args, kwargs, _CWD, "cwd"))
    if folder is not None:
        span.data["subprocess.cwd"] = folder
    if _given(args, kwargs, _SHELL, "shell") is True:
        span.data["subprocess.shell"] = True
    return process, span


def _started(state: tuple[Any, Span], result: Any, error: BaseException | None) -> None:
    process, span = state
    if error is None:
        span.tags = {PID: str(process.pid)}
    _ended(span, error)


def _communicating(process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Span] | None:
    return _watched("subprocess.communicate", process)


def _waiting(process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Span] | None:
    # One whose end is known is not waited for.
    return _watched("subprocess.wait", process) if getattr(process, "returncode", 0) is None else None


def _watched(op: str, process: Any) -> tuple[Any, Span] | None:
    if not hasattr(process, "pid"):
        return None
    span = _begun(op, process.args)
    if span is None:
        return None
    span.tags = {PID: str(process.pid)}
    return process, span


def _waited(state: tuple[Any, Span], result: Any, error: BaseException | None) -> None:
    process, span = state
    code = process.returncode
    if code is not None and span.data is not None:
        span.data[RETURN_CODE] = code
    _ended(span, error)
    if type(error).__name__ == "TimeoutExpired":
        span.status = "deadline_exceeded"


def _begun(op: str, command: Any) -> Span | None:
    """A span that is current from now on; `None` where nothing is recorded."""
    current = here()
    if current is None or not HUB.is_recording or isinstance(current, (NoopTransaction, NoopSpan)):
        return None
    span = start_span(Span, current, op, _shown(command))
    span.data = {"sentry.origin": ORIGIN}
    return span.__enter__()


def _ended(span: Span, error: BaseException | None) -> None:
    if error is None:
        span.status = "ok"
    span.__exit__(None if error is None else type(error), error, None)


def _shown(command: Any) -> str:
    """A command in one line. What only its owner may read through, such as an iterator, is named by its type."""
    if not isinstance(command, (list, tuple)):
        whole = _spoken(command)
        return _cut(whole, LONGEST * 5) if whole is not None else f"<{type(command).__name__}>"
    words = []
    for word in command[:WORDS]:
        said = _spoken(word)
        words.append(_quoted(_cut(said, LONGEST)) if said is not None else f"<{type(word).__name__}>")
    left_out = len(command) - len(words)
    return " ".join(words) + (f" ... {left_out} more" if left_out else "")


def _spoken(word: Any) -> str | None:
    if isinstance(word, str):
        return str(word)
    if isinstance(word, bytes):
        return os.fsdecode(word)
    return str(word) if isinstance(word, pathlib.PurePath) else None


def _cut(word: str, limit: int) -> str:
    """The head of a long text. It ends at a space: half an address might be one that nobody knows to hold a secret."""
    if len(word) <= limit:
        return word
    head = word[: limit + 1]
    return head[: max(head.rfind(" "), head.rfind("\n"), 0)] + "..."


def _quoted(word: str) -> str:
    """A word as one sees where it ends, and as the scrubber sees where a secret in it ends."""
    if _PLAIN.fullmatch(word):
        return word
    assigned = _ASSIGNED.match(word)
    head = assigned[0] if assigned else ""
    value = word[len(head) :]
    if '"' not in value:
        return f'{head}"{value}"'
    if "'" not in value:
        return f"{head}'{value}'"
    return head + '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _with_trace(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    variables = write_environment(outgoing() or {})
    if not variables:
        return None
    given = _given(args, kwargs, _ENV, "env")
    prepare = _given(args, kwargs, _PREPARE, "preexec_fn")
    if given is None and callable(prepare):
        # It may set variables that only an environment which nobody gave lets through.
        return _replaced(args, kwargs, _PREPARE, "preexec_fn", _prepared(prepare, variables))
    environment = _merged(given, variables)
    return None if environment is None else _replaced(args, kwargs, _ENV, "env", environment)


def _given(args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _replaced(
    args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str, value: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if len(args) > place:
        return (*args[:place], value, *args[place + 1 :]), kwargs
    return args, {**kwargs, name: value}


def _prepared(prepare: Callable[[], Any], variables: dict[str, str]) -> Callable[[], Any]:
    """What the child is to do before its program starts, after it has been told the trace."""

    def tell_and_prepare() -> Any:
        tell_program(variables)
        return prepare()

    return tell_and_prepare


def _merged(given: Mapping[Any, Any] | None, variables: dict[str, str]) -> dict[Any, Any] | None:
    """A new environment: the caller's, or the process's own, with our variables. `None`: it is to be as it is.

    That is so where the caller chose a trace of its own, where it wants an empty environment, and where it is wrong.
    """
    own = process_environment()
    if given is None:
        return {**own, **variables}
    if not isinstance(given, Mapping) or not given:
        return None
    merged = dict(given.items())
    for name in _CARRIED:
        inherited = merged.pop(os.fsencode(name), None)
        if inherited is not None:
            merged.setdefault(name, os.fsdecode(inherited))
    chosen = merged.get("SENTRY_TRACE")
    if chosen is not None and chosen != own.get("SENTRY_TRACE"):
        return None
    return {**merged, **variables}

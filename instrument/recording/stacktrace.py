"""Frames of a traceback or of the current stack, as the Sentry protocol describes them."""

from __future__ import annotations

import linecache
import os
import stat
from collections import deque
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final

from .. import _guard
from .._value import Value, made
from .values import Walk, text

__all__ = ["FrameReader", "FrameRules"]

EDGE_FRAMES: Final = 125
"""Of a deep recursion so many frames are kept at each end; the server keeps 250."""

CONTEXT_LINES: Final = 5
LINE_CHARACTERS: Final = 512
FRAMES_WITH_VARS: Final = 50
CACHED_FILES: Final = 256
LARGEST_SOURCE: Final = 5_000_000
"""Bytes of a file whose lines are shown."""

_PACKAGE: Final = __name__.partition(".")[0]
_STANDARD_LIBRARY: Final = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_SHOWN_ROOMS: Final = frozenset({"__main__", "cli", "demo", "examples", "viewer"})
"""Our own frames are left out, but for programs that happen to live in the package."""

_HIDING: Final = frozenset({"__traceback_hide__", "__tracebackhide__"})
_lines: dict[str, list[str]] = {}


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


class FrameRules(Value):
    """What frames show, and which of them count as the program's own."""

    in_app_include: tuple[str, ...] = ()
    in_app_exclude: tuple[str, ...] = ()
    project_root: str | None = made(_working_folder)
    include_local_variables: bool = True
    include_source_context: bool = True

    def in_app(self, module: str | None, path: str | None) -> bool | None:
        """Whether a frame is the program's own; `None` leaves it to the server. The first rule that fits decides."""
        if module is not None and _is_among(module, self.in_app_include):
            return True
        if module is not None and _is_among(module, self.in_app_exclude):
            return False
        if path is None or (path.startswith("<") and not path.startswith("<frozen ")):
            return None
        if "site-packages" in path or "dist-packages" in path:
            return False
        if path.startswith((_STANDARD_LIBRARY, "<frozen ")):
            return False
        root = self.project_root
        if root is not None and path.startswith(root.rstrip(os.sep) + os.sep):
            return True
        return None


class FrameReader:
    """Reads frames for one event. Locals are taken from the first 50 frames that are newest in their stack."""

    __slots__ = ("_rules", "_with_vars")

    def __init__(self, rules: FrameRules) -> None:
        self._rules = rules
        self._with_vars = FRAMES_WITH_VARS if rules.include_local_variables else 0

    def from_traceback(self, traceback: TracebackType | None) -> list[dict[str, Any]]:
        """The frames of a traceback, the one that raised last."""
        return self._read(_of_traceback(traceback))

    def from_stack(self, frame: FrameType | None) -> list[dict[str, Any]]:
        """The frames that led to `frame`, which is last."""
        chosen, left_out = _edges(_of_stack(frame))
        return self._frames(chosen[::-1], left_out)

    def _read(self, found: Iterator[tuple[FrameType, int | None]]) -> list[dict[str, Any]]:
        return self._frames(*_edges(found))

    def _frames(self, chosen: list[tuple[FrameType, int | None]], left_out: int) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        for frame, line in reversed(chosen):
            frames.append(self._frame(frame, line))
        frames.reverse()
        if left_out:
            gap = frames[EDGE_FRAMES - 1].setdefault("vars", {})
            gap["..."] = f"{left_out} frames left out here"
        return frames

    def _frame(self, frame: FrameType, line: int | None) -> dict[str, Any]:
        code = frame.f_code
        module = _module(frame)
        given = str.__str__(code.co_filename)
        path = _absolute(given)
        shown: dict[str, Any] = {
            "filename": _short(given, module),
            "abs_path": path,
            "function": str.__str__(code.co_name) or "<unknown>",
            "lineno": line,
        }
        if module is not None:
            shown["module"] = module
        in_app = self._rules.in_app(module, path)
        if in_app is not None:
            shown["in_app"] = in_app
        if line is not None and self._rules.include_source_context:
            _add_source(shown, given, frame, line)
        if self._with_vars > 0:
            self._with_vars -= 1
            shown["vars"] = _variables(frame)
        return shown


def _of_traceback(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int | None]]:
    while traceback is not None:
        if not _is_hidden(traceback.tb_frame):
            yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _of_stack(frame: FrameType | None) -> Iterator[tuple[FrameType, int | None]]:
    while frame is not None:
        if not _is_hidden(frame):
            yield frame, frame.f_lineno
        frame = frame.f_back


def _edges(found: Iterator[tuple[FrameType, int | None]]) -> tuple[list[tuple[FrameType, int | None]], int]:
    first: list[tuple[FrameType, int | None]] = []
    last: deque[tuple[FrameType, int | None]] = deque(maxlen=EDGE_FRAMES)
    count = 0
    for count, item in enumerate(found, 1):
        if count <= EDGE_FRAMES:
            first.append(item)
        else:
            last.append(item)
    return [*first, *last], count - len(first) - len(last)


def _is_hidden(frame: FrameType) -> bool:
    code = frame.f_code
    if not (_HIDING.isdisjoint(code.co_varnames) and _HIDING.isdisjoint(code.co_names)):
        held = _locals(frame)
        if any(held.get(name) is True for name in _HIDING):
            return True
    module = _module(frame)
    if module is None or not module.startswith(_PACKAGE):
        return False
    package, _, rest = module.partition(".")
    return package == _PACKAGE and rest.partition(".")[0] not in _SHOWN_ROOMS


def _module(frame: FrameType) -> str | None:
    name = dict.get(frame.f_globals, "__name__")
    return name if type(name) is str else None


def _locals(frame: FrameType) -> dict[str, Any]:
    held: Any = frame.f_locals
    if type(held) is dict:
        return held
    # On 3.13 functions give a view of C; any other mapping was made by the program and is left alone.
    return dict(held) if type(held).__name__ == "FrameLocalsProxy" else {}


def _variables(frame: FrameType) -> dict[str, Any]:
    held = _locals(frame)
    if held is frame.f_globals:
        held = {name: value for name, value in held.items() if not name.startswith("__")}
    shown = Walk(depth=5, items=30, nodes=200, string=1024, room=16 * 1024).plain(held)
    return shown if type(shown) is dict else {}


def _absolute(path: str) -> str:
    if path.startswith("<"):
        return path
    try:
        return os.path.abspath(path)
    except OSError:
        return path


def _short(path: str, module: str | None) -> str:
    """The path from the module's top package on, so that it is the same on every machine; else the bare name."""
    pieces = path.replace("\\", "/").split("/")
    if module is not None:
        expected = module.split(".")
        stem = pieces[-1].rpartition(".")[0]
        tail = [*expected, "__init__"] if stem == "__init__" else expected
        if [*pieces[-len(tail) : -1], stem] == tail:
            return "/".join(pieces[-len(tail) :])
    return pieces[-1] if pieces[-1] else path


def _add_source(shown: dict[str, Any], path: str, frame: FrameType, line: int) -> None:
    lines = _source(path, frame)
    at = line - 1
    if not 0 <= at < len(lines):
        return
    shown["pre_context"] = [_cut(one) for one in lines[max(0, at - CONTEXT_LINES) : at]]
    shown["context_line"] = _cut(lines[at])
    shown["post_context"] = [_cut(one) for one in lines[at + 1 : at + 1 + CONTEXT_LINES]]


def _source(path: str, frame: FrameType) -> list[str]:
    known = _lines.get(path)
    if known is not None:
        return known
    lines = _lines_of(path, frame) if _may_be_read(path) else []
    if not path.startswith("<"):
        while len(_lines) >= CACHED_FILES:
            _lines.pop(next(iter(list(_lines)), ""), None)
        _lines[path] = lines
    return lines


def _lines_of(path: str, frame: FrameType) -> list[str]:
    """What Python finds for the path, or asks a loader of the program's for."""
    held: Any = frame.f_globals
    try:
        found = _guard.foreign("source lines", [], linecache.getlines, path, held if type(held) is dict else None)
    except (SystemExit, GeneratorExit):
        return []
    return [one for one in found if type(one) is str] if type(found) is list else []


def _may_be_read(path: str) -> bool:
    """Whether reading comes to an end: not of a device, a pipe, or a file of any size."""
    try:
        found = os.stat(path)
    except OSError:
        return True  # Python looks elsewhere, too.
    except ValueError:
        return False
    return stat.S_ISREG(found.st_mode) and 0 < found.st_size <= LARGEST_SOURCE


def _cut(line: str) -> str:
    line = line.rstrip("\r\n")
    return line if len(line) <= LINE_CHARACTERS and line.isascii() else text(line[:LINE_CHARACTERS])


def _is_among(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)

"""Run a Python program as it would run without us, traced as the environment says.

    instrument run program.py arguments…
    instrument run -m package.module arguments…

It runs in this process, with the settings that the variables INSTRUMENT_… and SENTRY_… give. INSTRUMENT_TRACE names
functions to trace, with commas between them: package.module:function, package.module:Class.method.
"""

from __future__ import annotations

import builtins
import io
import linecache
import os
import pkgutil
import runpy
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any, Final

from .begin import begin

__all__ = ["run_program"]

WRONG: Final = 2
USAGE: Final = "instrument run [-m module | -c text | program] [argument ...]"


def run_program(words: list[str]) -> int:
    """Run what `words` say. Its exit, and an exception that ends it, go on from here to the interpreter."""
    if words[:1] in (["-h"], ["--help"]):
        print(f"usage: {USAGE}\n\n{(__doc__ or '').strip()}")
        return 0
    how, words = _understood(words)
    if not words:
        print(f"instrument: run what? {USAGE}", file=sys.stderr)
        return WRONG
    begin()
    try:
        how(words)
    except SystemExit:
        raise
    except BaseException as error:
        _hide_ourselves(error)
        raise
    return 0


def _understood(words: list[str]) -> tuple[Callable[[list[str]], None], list[str]]:
    """How to run, and the words from what is to be run onwards."""
    first = words[0] if words else ""
    if first.startswith(("-m", "-c")):
        how = _run_module if first.startswith("-m") else _run_text
        return how, [first[2:], *words[1:]] if first[2:] else words[1:]
    if first.startswith("-") and first != "-":
        return _run_file, [] if first != "--" else words[1:]
    return _run_file, words


def _run_module(words: list[str]) -> None:
    sys.argv[:] = ["-m", *words[1:]]
    _first_on_path(os.getcwd())
    _main()
    _as_main(words[0])


def _run_text(words: list[str]) -> None:
    sys.argv[:] = ["-c", *words[1:]]
    _first_on_path("")
    main = _main()
    if sys.version_info >= (3, 13):
        linecache.cache["<string>"] = len(words[0]), None, words[0].splitlines(True), "<string>"
    exec(compile(words[0], "<string>", "exec", dont_inherit=True), vars(main))


def _run_file(words: list[str]) -> None:
    path = words[0]
    sys.argv[:] = words
    if path == "-":
        _first_on_path("")
        code = compile(sys.stdin.buffer.read(), "<stdin>", "exec", dont_inherit=True)
        exec(code, vars(_main()))
        return
    full = os.path.abspath(path)
    if pkgutil.get_importer(full) is not None:
        _first_on_path(full, always=True)
        _main()
        _as_main("__main__", False)
        return
    code, loader = _read(full)
    _first_on_path(os.path.dirname(os.path.realpath(path)))
    main = _main()
    main.__file__ = full
    main.__loader__ = loader
    vars(main)["__cached__"] = None
    exec(code, vars(main))


def _read(path: str) -> tuple[CodeType, Any]:
    try:
        if path.endswith(".pyc"):
            sourceless = SourcelessFileLoader("__main__", path)
            return _code(sourceless.get_code("__main__")), sourceless
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        print(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        raise SystemExit(WRONG) from None
    return compile(source, path, "exec", dont_inherit=True), SourceFileLoader("__main__", path)


def _code(code: CodeType | None) -> CodeType:
    assert code is not None
    return code


def _main() -> ModuleType:
    """A new, empty `__main__` as the interpreter makes it."""
    main = ModuleType("__main__")
    vars(main)["__builtins__"] = builtins
    if sys.version_info < (3, 14):
        vars(main)["__annotations__"] = {}
    sys.modules["__main__"] = main
    return main


def _as_main(*arguments: Any) -> None:
    """What `python -m` itself calls: it finds the module and its package, and its messages are those of Python."""
    call: Callable[..., Any] = vars(runpy)["_run_module_as_main"]
    call(*arguments)


def _first_on_path(entry: str, *, always: bool = False) -> None:
    """`entry` in the place of what the interpreter put first for our own command; nowhere if it puts nothing there."""
    has_own = not getattr(sys.flags, "safe_path", sys.flags.isolated)
    if has_own:
        sys.path[:1] = [entry]
    elif always:
        sys.path.insert(0, entry)


def _hide_ourselves(error: BaseException) -> None:
    """When the interpreter shows what ended the program, the calls that led from us to the program are not there."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    shown: Callable[[type[BaseException], BaseException, TracebackType | None], Any] = sys.excepthook

    def hook(kind: type[BaseException], ending: BaseException, full: TracebackType | None) -> None:
        sys.excepthook = shown
        if ending is error:
            full = ending.__traceback__ = sys.last_traceback = traceback
        shown(kind, ending, full)

    sys.excepthook = hook

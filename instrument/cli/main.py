"""Finds the command that was typed, reads its arguments and runs it. Only that command's module is imported."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from .._version import version

__all__ = ["COMMANDS", "main"]

COMMANDS: Final = {
    "run": ("run", "a program of yours as it is, traced without a change to it"),
    "list": ("list", "recent traces, newest first"),
    "show": ("show", "one trace as a waterfall"),
    "view": ("view", "traces in your browser, as they are recorded"),
    "demo": ("demo", "a traced program of two processes, and what it recorded"),
    "doctor": ("doctor", "whether what is recorded arrives, and what to do if not"),
    "flush": ("flush", "deliver what waits on disk, also of processes that have died"),
    "audit": ("audit", "which secrets the stored traces contain, and where they came from"),
    "patches": ("patches", "which libraries are watched by themselves, and why others are not"),
    "install-startup": ("install_startup", "let programs of this environment that have INSTRUMENT_AUTO=1 be traced"),
    "remove-startup": ("remove_startup", "undo install-startup"),
}
"""Command: its module in this folder, which has `add_arguments(parser)` and `run(arguments)`, and one line of help.

`run` alone reads its words itself: they are those of another program.
"""

INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the program's own); returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["run"]:
        from .run import run_program

        return run_program(words[1:])  # all that follows is the program's, and how it ends is its own affair
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough. What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        print(
            "instrument: showing traces needs the package rich: pip install 'instrument-traces[cli]'", file=sys.stderr
        )
        return 1
    return code


def _run(words: list[str]) -> int:
    command = words[0] if words else "--help"
    if command in ("-h", "--help", "help"):
        print(_help())
        return 0
    if command in ("-V", "--version"):
        print(f"instrument {version()}")
        return 0
    if command not in COMMANDS:
        near = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f"did you mean `instrument {near[0]}`?" if near else "`instrument --help` lists the commands."
        print(f"instrument: there is no command {command!a}; {hint}", file=sys.stderr)
        return 2
    name, about = COMMANDS[command]
    module = importlib.import_module(f".{name}", __package__)
    parser = argparse.ArgumentParser(prog=f"instrument {command}", description=module.__doc__ or about)
    module.add_arguments(parser)
    try:
        arguments = parser.parse_args(words[1:])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    return int(module.run(arguments))


def _help() -> str:
    width = max(len(command) for command in COMMANDS)
    lines = [f"  instrument {command:<{width}}   {about}" for command, (_, about) in COMMANDS.items()]
    return "\n".join(
        [
            "See what your program recorded.",
            "",
            *lines,
            "",
            "`instrument COMMAND --help` tells more about a command; `instrument --version` prints the version.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

"""Show the traces in a browser: a page that this machine alone can open, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser

from ..store import StoreError
from ..store.reading import Reader
from ..viewer import PREFERRED_PORT, PortTaken, Viewer
from .screen import add_store_argument, store_path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `instrument view`."""
    parser.add_argument(
        "trace", nargs="?", help="the first characters of a trace id: open this one; default: the list of all"
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help=f"the port to use; default: {PREFERRED_PORT}, or any if that is taken"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    add_store_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the page until Ctrl-C; 1 when that is not possible."""
    path = store_path(arguments)
    page = "/"
    try:
        if arguments.trace:
            with Reader(path) as reader:
                trace = reader.trace(arguments.trace)
            if trace is None:
                print(f"instrument: there is no trace {arguments.trace!a} in {path}", file=sys.stderr)
                return 1
            page = f"/trace/{trace.trace_id}"
        viewer = Viewer(path, arguments.port)
    except StoreError as error:
        print(f"instrument: {error}", file=sys.stderr)
        return 1
    except PortTaken as error:
        print(f"instrument: port {arguments.port} cannot be used: {error.strerror}", file=sys.stderr)
        return 1
    try:
        with viewer:
            print(f"Your traces: {viewer.address(page)}\nCtrl-C ends this.", flush=True)
            if not arguments.no_browser and _has_browser():
                webbrowser.open(viewer.address(page, for_once=True))
            viewer.wait()
    except KeyboardInterrupt:
        print()
    return 0


def _has_browser() -> bool:
    """Whether somebody sits before a screen. A browser in the terminal would take it from us."""
    if not sys.stdout.isatty():
        return False
    if os.name == "nt" or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; write a number from 0 (any) to 65535")
    return int(text)

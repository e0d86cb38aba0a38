"""Calls that leave the program, and context that crosses threads and processes: one file for each patched library.

A patch says which callables of its library it watches and what it reads there (`Around`, `Rewrite`); how it is applied,
guarded, counted and undone is the same for all. This door is light: it imports neither wrapt nor a patched library.
"""

from ._begun import note_begin
from .by_name import trace_by_name
from .http_client import HttpClient
from .logging import Logging
from .patch import Around, LibraryPatch, Patch, Rewrite
from .register import PatchState, apply, listing, remove, select, settle

__all__ = [
    "Around",
    "HttpClient",
    "LibraryPatch",
    "Logging",
    "Patch",
    "PatchState",
    "Rewrite",
    "apply",
    "listing",
    "note_begin",
    "remove",
    "select",
    "settle",
    "trace_by_name",
]

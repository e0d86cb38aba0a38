"""For templates of Jinja2: `{{ trace_meta() }}` in the head of a page lets the browser continue the trace."""

from __future__ import annotations

from typing import TypeVar

from jinja2 import Environment
from markupsafe import Markup

from .. import api

__all__ = ["add_trace_meta", "trace_meta"]

E = TypeVar("E", bound=Environment)


def add_trace_meta(environment: E) -> E:
    """Let the templates of `environment` call `trace_meta()`. Returns the environment."""
    environment.globals["trace_meta"] = trace_meta
    return environment


def trace_meta() -> Markup:
    """The meta tags that continue the trace, as text that is not escaped again."""
    return Markup(api.trace_meta())

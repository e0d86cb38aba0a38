"""For Flask: `trace(app)`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from flask import Blueprint, Flask, g, got_request_exception, has_request_context, request, request_started, session
from flask.signals import before_render_template, template_rendered
from werkzeug.exceptions import HTTPException

from .. import _guard
from ..recording import span
from ._http import Incoming, incoming_of
from ._jobs import METHODS, under
from ._request_data import TOO_LONG, Head, parsed_body, read_form
from .jinja2 import add_trace_meta
from .wsgi import Tracing, note_disconnect

__all__ = ["trace"]

ORIGIN = "auto.http.flask"
_MARK = "instrument"
_UNNAMED = "<string>"
"""A template that was made from a text."""


def trace(
    app: Flask,
    *,
    routes: Iterable[str | Blueprint] | None = None,
    isolation: bool = True,
    transactions: bool = True,
    errors: bool = True,
    methods: Iterable[str] = METHODS,
) -> Flask:
    """Record every request to `app`, named after its rule: `GET /users/<int:id>`.

        app = trace(Flask(__name__))

    `routes` limits the transactions to the blueprints and prefixes of paths that it names. The other keywords are those
    of `wsgi.Tracing`. Templates can call `trace_meta()`. Returns the app.
    """
    if _MARK in app.extensions:
        return app
    app.extensions[_MARK] = True
    tracing = Tracing(
        app.wsgi_app,
        isolation=isolation,
        transactions=transactions,
        errors=errors,
        methods=methods,
        routes=_accepting(app, routes),
        origin=ORIGIN,
    )
    vars(app)["wsgi_app"] = tracing
    _watch_templates(app)
    request_started.connect(_routed, app, weak=False)
    before_render_template.connect(_rendering, app, weak=False)
    template_rendered.connect(_rendered, app, weak=False)
    if errors:
        got_request_exception.connect(_let_through, app, weak=False)
        _watch_server_errors(app)
    return app


def _accepting(app: Flask, routes: Iterable[str | Blueprint] | None) -> Callable[[Head], bool] | None:
    """Which requests become transactions. For blueprints the rule has to be found before Flask looks for it."""
    if routes is None:
        return None
    chosen = [routes] if isinstance(routes, (str, Blueprint)) else list(routes)
    by_path = under([one for one in chosen if isinstance(one, str)])
    blueprints = [one for one in chosen if isinstance(one, Blueprint)]

    def accepts(head: Head) -> bool:
        if by_path is not None and by_path(head):
            return True
        if not blueprints:
            return False
        try:
            adapter = app.create_url_adapter(app.request_class(head.carrier, populate_request=False))
            if adapter is None:
                return False
            rule, _ = adapter.match(return_rule=True)
        except HTTPException:
            return False
        parents = str(rule.endpoint).split(".")[:-1]
        names = {".".join(parents[: length + 1]) for length in range(len(parents))}
        if not any(app.blueprints.get(name) in blueprints for name in names):
            return False
        head.route = rule.rule
        return True

    return accepts


def _routed(app: Flask, **_: Any) -> None:
    """Flask knows the rule, and goes on to the view."""
    rule = request.url_rule
    incoming = _current()
    if incoming is not None:
        incoming.head.body_of = partial(_body, request.environ["werkzeug.request"])
        visit: Any = session
        incoming.head.user_of = partial(_user, g._get_current_object(), visit._get_current_object())
        if rule is not None:
            incoming.name(request.root_path + rule.rule)
        else:
            incoming.unmatched()


def _let_through(app: Flask, exception: BaseException, **_: Any) -> None:
    """Flask is about to answer with a 500 what no handler of the program's has taken."""
    incoming = _current()
    if incoming is not None:
        note_disconnect(incoming, exception)
        incoming.failed(exception, "flask")


def _watch_server_errors(app: Flask) -> None:
    """`abort(503)` is an answer to Flask. For us it is an error, unless the program has a handler for it."""
    handle: Callable[..., Any] = app.handle_http_exception

    def watched(*args: Any) -> Any:
        answer = handle(*args)
        error = args[-1]
        incoming = _current()
        if incoming is not None and answer is error and (getattr(error, "code", None) or 0) >= 500:
            incoming.failed(error, "flask")
        return answer

    vars(app)["handle_http_exception"] = watched


def _watch_templates(app: Flask) -> None:
    """Templates can call `trace_meta()`, also those that others import, and are seen to fail, which no signal tells.

    Where Flask has not made its environment yet it is not made here: what the program sets until then belongs to it.
    """
    make = app.create_jinja_environment

    def create_jinja_environment() -> Any:
        return _prepared(make())

    vars(app)["create_jinja_environment"] = create_jinja_environment
    if "jinja_env" in vars(app):
        _prepared(app.jinja_env)


def _prepared(environment: Any) -> Any:
    handle = environment.handle_exception

    def handle_exception(source: str | None = None) -> Any:
        incoming = _current()
        # With a source it is a template that cannot be compiled: it has not begun to be rendered.
        template = sys._getframe(1).f_locals.get("self")
        shown = getattr(template, "name", None) or _UNNAMED
        # Others render as well, of which Flask tells nothing.
        if source is None and incoming is not None and incoming.layers and incoming.layers[-1].description == shown:
            failed = incoming.layers.pop()
            failed.finish("internal_error")
            failed.leave()
        handle(source)

    environment.handle_exception = handle_exception
    return add_trace_meta(environment)


def _rendering(app: Flask, template: Any, **_: Any) -> None:
    incoming = _current()
    if incoming is not None:
        incoming.layers.append(span("template.render", template.name or _UNNAMED).__enter__())


def _rendered(app: Flask, **_: Any) -> None:
    incoming = _current()
    if incoming is not None and incoming.layers:
        incoming.layers.pop().__exit__(None, None, None)


def _current() -> Incoming | None:
    return incoming_of(request.environ) if has_request_context() else None


def _user(kept: Any, visit: Any) -> dict[str, Any] | None:
    """Whom Flask-Login has loaded. Only what is in the object is read, as more may lead to a query."""
    user = vars(kept).get("_login_user")
    known = vars(user) if user is not None else {}
    key = visit.get("_user_id") or known.get("id")
    if not known or key is None:
        return None
    return {"id": str(key), "username": known.get("username"), "email": known.get("email")}


def _body(read: Any, limit: int) -> Any:
    """The body, as far as the view has read it."""
    return _guard.foreign("request body", None, _read_already, read, limit)


def _read_already(read: Any, limit: int) -> Any:
    known = vars(read)
    if (read.content_length or 0) > limit:
        return TOO_LONG
    raw = known.get("_cached_data")
    if raw:
        return parsed_body(raw, read.content_type or "") if len(raw) <= limit else TOO_LONG
    if "form" not in known:
        return None
    fields = list(read.form.items(multi=True))
    files = [(key, {"filename": one.filename, "type": one.content_type}) for key, one in read.files.items(multi=True)]
    return read_form([*fields, *files], limit)

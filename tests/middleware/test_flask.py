"""Flask on its own server."""

import logging
import threading
from contextlib import contextmanager

import flask
import pytest
from flask import Blueprint, Flask, abort, render_template, render_template_string, request
from jinja2 import DictLoader, TemplateSyntaxError
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server
from werkzeug.test import Client as Caller

import instrument
from instrument.middleware.flask import trace
from instrument.testing import record
from tests.contracts.http_server import ServerContract
from tests.middleware import pages

logging.getLogger("werkzeug").setLevel(logging.CRITICAL)


def make_app():
    app = Flask("shop")
    app.logger.disabled = True

    @app.route("/users/<int:number>", methods=["GET", "POST"])
    def user(number):
        if request.method == "POST":
            request.get_json(silent=True) if request.is_json else request.form.get("name")
        return pages.user(number), dict([pages.seen()])

    @app.route("/boom/<number>")
    def boom(number):
        pages.boom(number)

    @app.route("/note", methods=["GET", "OPTIONS"], provide_automatic_options=False)
    def note():
        return pages.note(), dict([pages.seen()])

    @app.route("/own/<number>")
    def own(number):
        return pages.own(number), dict([pages.seen()])

    @app.route("/healthz")
    def health():
        return "well"

    @app.route("/teapot")
    def teapot():
        abort(418)

    @app.route("/stream/<int:port>")
    def stream(port):
        return flask.Response(flask.stream_with_context(pages.stream(port)))

    @app.route("/broken")
    def broken():
        return flask.Response(pages.broken())

    @app.route("/endless")
    def endless():
        return flask.Response(pages.endless())

    return app


app = trace(make_app())


@contextmanager
def flask_server(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.port
    finally:
        server.shutdown()
        server.server_close()


class TestFlask(ServerContract):
    origin = "auto.http.flask"
    route = "/users/<int:number>"

    @classmethod
    def serve(cls, ear):
        return flask_server(app)

    def test_a_body_that_the_view_has_read_is_told(self):
        body = b'{"name": "lamp", "password": "x"}'
        item = self.one(self.ask("/users/7", "POST", body=body, headers={"Content-Type": "application/json"}))
        assert item["request"]["data"] == {"name": "lamp", "password": "[Filtered]"}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        item = self.one(self.ask("/users/7", "POST", body=b"name=lamp&name=desk", headers=form))
        assert item["request"]["data"] == {"name": ["lamp", "desk"]}


def test_routes_limits_the_transactions_to_blueprints_and_prefixes():
    app = Flask("shop")
    api, admin = Blueprint("api", "shop"), Blueprint("admin", "shop")
    api.add_url_rule("/items/<number>", view_func=lambda number: number)
    admin.add_url_rule("/admin", view_func=lambda: "ok", endpoint="admin")
    app.register_blueprint(api, url_prefix="/api")
    app.register_blueprint(admin)
    app.add_url_rule("/old/page", view_func=lambda: "ok", endpoint="old")
    routes = []
    trace(app, routes=[api, "/old"])
    with record(traces_sampler=lambda context: routes.append(context["request"]["route"]) or 1) as recorded:
        client = app.test_client()
        for path in ("/api/items/3", "/admin", "/old/page", "/api/none", "/older"):
            client.get(path).close()
    assert [item.name for item in recorded.transactions] == ["GET /api/items/<number>", "GET /old/page"]
    assert routes == ["/api/items/<number>", None]


@pytest.mark.parametrize("hosts", [{"subdomain_matching": True}, {"host_matching": True, "static_host": "files.shop"}])
def test_routes_knows_the_blueprints_of_subdomains_and_hosts(hosts):
    app = Flask("shop", **hosts)
    app.config["SERVER_NAME"] = "shop.example"
    place = {"host": "api.shop.example"} if "host_matching" in hosts else {"subdomain": "api"}
    api = Blueprint("api", "shop")
    api.add_url_rule("/items/<number>", view_func=lambda number: number, **place)
    app.register_blueprint(api)
    trace(app, routes=[api])
    with record() as recorded:
        for host, code in (("api.shop.example", 200), ("shop.example", 404)):
            assert app.test_client().get("/items/3", headers={"Host": host}, buffered=True).status_code == code
    assert [item.name for item in recorded.transactions] == ["GET /items/<number>"]


def test_a_redirect_to_the_path_with_a_slash_has_one_name_for_all_paths():
    app = Flask("shop")
    app.add_url_rule("/items/<number>/", view_func=lambda number: number, endpoint="items")
    trace(app)
    with record() as recorded:
        codes = [app.test_client().get(f"/items/{end}", buffered=True).status_code for end in ("1", "2", "3/")]
    assert codes == [308, 308, 200]
    assert [item.name for item in recorded.transactions] == ["GET <unmatched>"] * 2 + ["GET /items/<number>/"]


def test_the_name_begins_where_the_application_is_mounted():
    app = Flask("shop")
    app.add_url_rule("/items/<number>", view_func=lambda number: number, endpoint="items")
    trace(app)
    with record() as recorded:
        Caller(DispatcherMiddleware(Flask("front"), {"/shop": app})).get("/shop/items/3").close()
    (item,) = recorded.transactions
    assert (item.name, item.data["http.route"]) == ("GET /shop/items/<number>", "/shop/items/<number>")
    assert item.request["url"] == "http://localhost/shop/items/3"


def test_traced_twice_is_traced_once():
    app = Flask("shop")
    app.add_url_rule("/", view_func=lambda: "ok", endpoint="home")
    trace(trace(app))
    with record() as recorded:
        app.test_client().get("/").close()
    assert len(recorded.transactions) == 1


def test_a_server_error_that_a_view_chose_is_captured_unless_the_program_handles_it():
    app = trace(Flask("shop"))
    app.add_url_rule("/", view_func=lambda: abort(503), endpoint="home")
    with record() as recorded:
        assert app.test_client().get("/", buffered=True).status_code == 503
    assert [error.exceptions[-1]["type"] for error in recorded.errors] == ["ServiceUnavailable"]
    assert recorded.errors[0].span_id == recorded.transactions[0].span_id

    app = trace(Flask("shop"))
    app.add_url_rule("/", view_func=lambda: abort(503), endpoint="home")
    app.register_error_handler(503, lambda error: ("later", 503))
    with record() as recorded:
        assert app.test_client().get("/", buffered=True).status_code == 503
    assert recorded.errors == []
    assert recorded.transactions[0].status == "unavailable"


def test_an_error_that_the_program_handles_is_not_captured():
    app = trace(Flask("shop"))
    app.add_url_rule("/", view_func=lambda: {}["x"], endpoint="home")
    app.register_error_handler(KeyError, lambda error: ("gone", 410))
    with record() as recorded:
        assert app.test_client().get("/", buffered=True).status_code == 410
    assert recorded.errors == []


def test_templates_are_spans_and_can_hand_the_trace_to_the_browser():
    app = trace(Flask("shop"))
    page = "<head>{{ trace_meta() }}</head>"
    app.add_url_rule("/", view_func=lambda: render_template_string(page), endpoint="home")
    with record() as recorded:
        text = app.test_client().get("/").text
    (item,) = recorded.transactions
    (span,) = item.spans
    assert (span.op, span.description) == ("template.render", "<string>")
    assert f'<meta name="sentry-trace" content="{item.trace_id}-{span.span_id}-1">' in text


def test_a_template_that_fails_leaves_no_open_span():
    app = trace(Flask("shop"))
    app.logger.disabled = True
    app.add_url_rule("/", view_func=lambda: render_template_string("{{ 1 / 0 }}"), endpoint="home")
    with record() as recorded:
        assert app.test_client().get("/", buffered=True).status_code == 500
        assert recorded.stats().spans.open == 0
    (span,) = recorded.transactions[0].spans
    assert span.status == "internal_error"
    assert recorded.errors[0].span_id == recorded.transactions[0].span_id


def test_a_template_that_flask_knows_nothing_of_ends_no_span_of_another():
    app = trace(Flask("shop"))

    def widget():
        with pytest.raises(ZeroDivisionError):
            app.jinja_env.from_string("{{ 1 / 0 }}").render()
        return "none"

    app.jinja_loader = DictLoader({"page.html": "{{ widget() }}"})
    app.add_url_rule("/", view_func=lambda: render_template("page.html", widget=widget), endpoint="home")
    with record() as recorded:
        assert app.test_client().get("/", buffered=True).text == "none"
    assert [(one.description, one.status) for one in recorded.transactions[0].spans] == [("page.html", None)]


def test_a_template_that_fails_and_is_caught_has_ended():
    app = trace(Flask("shop"))

    def home():
        for text in ("{{ 1 / 0 }}", "{% if %}"):
            with pytest.raises((ZeroDivisionError, TemplateSyntaxError)):
                render_template_string(text)
        with instrument.span("db", "after"):
            return render_template_string("{{ inner() }}", inner=inner)

    def inner():
        with pytest.raises(TemplateSyntaxError):
            render_template_string("{% if %}")
        with instrument.span("db", "inside"):
            return "done"

    app.add_url_rule("/", view_func=home, endpoint="home")
    with record() as recorded:
        assert app.test_client().get("/", buffered=True).text == "done"
    failed, after, rendered, inside = recorded.transactions[0].spans
    assert (failed.op, failed.status, rendered.op, rendered.status) == (
        "template.render",
        "internal_error",
        "template.render",
        None,
    )
    root = recorded.transactions[0].span_id
    assert [after.parent_span_id, rendered.parent_span_id, inside.parent_span_id] == [
        root,
        after.span_id,
        rendered.span_id,
    ]


@pytest.mark.parametrize("early", [True, False])
def test_templates_that_others_import_can_hand_the_trace_on_too(early):
    app = Flask("shop")
    if early:
        assert app.jinja_env
    trace(app)
    assert early or "jinja_env" not in vars(app)
    app.jinja_loader = DictLoader(
        {
            "head.html": "{% macro head() %}{{ trace_meta() }}{% endmacro %}",
            "page.html": '{% from "head.html" import head %}{{ head() }}',
        }
    )
    app.add_url_rule("/", view_func=lambda: render_template("page.html"), endpoint="home")
    with record() as recorded:
        text = app.test_client().get("/").text
    assert f'<meta name="sentry-trace" content="{recorded.transactions[0].trace_id}-' in text


@pytest.mark.parametrize("mode", ["TESTING", "DEBUG"])
def test_an_error_that_flask_raises_on_comes_out_unchanged(mode):
    app = trace(Flask("shop"))
    app.config[mode] = True
    error = ValueError("x")

    def home():
        raise error

    app.add_url_rule("/", view_func=home, endpoint="home")
    with record() as recorded:
        with pytest.raises(ValueError) as raised:
            app.test_client().get("/")
        assert instrument.get_current_transaction() is None
    assert raised.value is error
    assert len(recorded.errors) == 1


def test_a_name_that_the_program_has_given_stays():
    app = trace(Flask("shop"))
    app.add_url_rule("/", view_func=lambda: "ok", endpoint="home")

    def routed_elsewhere(environ, start_response, inner=app.wsgi_app.app):
        instrument.get_current_transaction().set_name("mine")
        return inner(environ, start_response)

    app.wsgi_app.app = routed_elsewhere
    with record() as recorded:
        app.test_client().get("/", buffered=True)
    assert (recorded.transactions[0].name, recorded.transactions[0].source) == ("mine", "custom")

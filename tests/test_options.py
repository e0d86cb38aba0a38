"""The options of `init`: where their values come from, and what is said about a wrong one."""

import logging
import os
import pathlib
import re
import socket
import sys
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import instrument
from instrument._option_names import ELSEWHERE
from instrument._option_types import InitOptions
from instrument._value import as_dict, fields
from instrument.dsn import Dsn
from instrument.errors import BadDsn, BadOption, UnknownOption
from instrument.exporters import Memory, Sentry
from instrument.options import (
    HEALTH_CHECKS,
    Options,
    ca_certificates,
    incoming_environment,
    otlp_environment,
    proxy_for,
    state_folder,
)

KEY = "c0ffee11c0ffee22c0ffee33c0ffee44"
DSN = f"https://{KEY}@o42.example/1"
NAMES = list(fields(Options))
DEPLOYMENTS = ("HEROKU_BUILD_COMMIT", "HEROKU_SLUG_COMMIT", "SOURCE_VERSION", "CODEBUILD_RESOLVED_SOURCE_VERSION")


class Destination:
    """The least that an exporter is."""

    def export(self, item):
        pass

    def flush(self, timeout):
        return True

    def close(self, timeout):
        return True


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    for name in (*DEPLOYMENTS, "CIRCLE_SHA1", "GAE_DEPLOYMENT_ID", "K_REVISION", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def read(monkeypatch, variables, *args, **options):
    with monkeypatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        return Options.read(*args, **options)


def test_the_defaults():
    assert as_dict(Options.read()) == {
        "dsn": None,
        "exporter": None,
        "integrations": (),
        "default_integrations": True,
        "traces_sample_rate": 1.0,
        "traces_sampler": None,
        "sample_rate": 1.0,
        "environment": "production",
        "release": None,
        "dist": None,
        "server_name": socket.gethostname(),
        "service_name": None,
        "org_id": None,
        "before_send": None,
        "before_send_transaction": None,
        "before_breadcrumb": None,
        "ignore_errors": (),
        "ignore_transactions": (HEALTH_CHECKS,),
        "health_checks": False,
        "max_breadcrumbs": 100,
        "max_spans": 1000,
        "include_local_variables": True,
        "in_app_include": (),
        "in_app_exclude": (),
        "max_request_body_size": "medium",
        "send_default_pii": False,
        "scrub": None,
        "trace_propagation_targets": None,
        "propagate": ("sentry", "w3c"),
        "strict_trace_continuation": False,
        "on_rate_limit": "hold",
        "spool_dir": None,
        "spool_bytes": 64 * 1024**2,
        "spool_total_bytes": 256 * 1024**2,
        "spool_age": 48 * 3600.0,
        "store_path": None,
        "store_bytes": 256 * 1024**2,
        "store_age": 7 * 24 * 3600.0,
        "http_proxy": None,
        "https_proxy": None,
        "ca_certs": None,
        "shutdown_timeout": 2.0,
        "debug": False,
    }
    assert Options.read() == Options()


def test_every_option_says_what_it_does():
    for name, option in fields(Options).items():
        assert option.help.endswith("."), name


def test_code_beats_our_variable_beats_sentrys_beats_opentelemetrys():
    variables = {"SENTRY_ENVIRONMENT": "b", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=a"}
    with pytest.MonkeyPatch.context() as patch:
        seen = [Options.read().environment]
        for name, value in [*reversed(variables.items()), ("INSTRUMENT_ENVIRONMENT", "c")]:
            patch.setenv(name, value)
            seen.append(Options.read().environment)
        assert [*seen, Options.read(environment="d").environment] == ["production", "a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("variable", "text", "option", "value"),
    [
        ("SENTRY_RELEASE", "shop@1", "release", "shop@1"),
        ("HEROKU_SLUG_COMMIT", "abc", "release", "abc"),
        ("K_REVISION", "abc", "release", "abc"),
        ("SENTRY_TRACES_SAMPLE_RATE", "0.25", "traces_sample_rate", 0.25),
        ("SENTRY_SAMPLE_RATE", " 0 ", "sample_rate", 0.0),
        ("SENTRY_DEBUG", "On", "debug", True),
        ("SENTRY_DEBUG", "f", "debug", False),
        ("OTEL_SERVICE_NAME", "shop", "service_name", "shop"),
        ("INSTRUMENT_SERVICE_NAME", "shop", "service_name", "shop"),
        ("INSTRUMENT_TRACES_SAMPLE_RATE", "1", "traces_sample_rate", 1.0),
        ("INSTRUMENT_DEFAULT_INTEGRATIONS", "no", "default_integrations", False),
        ("INSTRUMENT_INTEGRATIONS", "sqlite3, redis,", "integrations", ("sqlite3", "redis")),
        ("INSTRUMENT_EXPORTER", "console, Local", "exporter", ("console", "local")),
        ("INSTRUMENT_EXPORTER", "none", "exporter", ()),
        ("INSTRUMENT_MAX_SPANS", "10", "max_spans", 10),
        ("INSTRUMENT_MAX_BREADCRUMBS", "0", "max_breadcrumbs", 0),
        ("INSTRUMENT_MAX_REQUEST_BODY_SIZE", "Always", "max_request_body_size", "always"),
        ("INSTRUMENT_TRACE_PROPAGATION_TARGETS", "a.example,b", "trace_propagation_targets", ("a.example", "b")),
        ("INSTRUMENT_TRACE_PROPAGATION_TARGETS", "none", "trace_propagation_targets", ()),
        ("INSTRUMENT_PROPAGATE", "W3C", "propagate", ("w3c",)),
        ("INSTRUMENT_PROPAGATE", "none", "propagate", ()),
        ("INSTRUMENT_ORG_ID", "42", "org_id", "42"),
        ("INSTRUMENT_IGNORE_ERRORS", "KeyError,shop.Gone", "ignore_errors", ("KeyError", "shop.Gone")),
        ("INSTRUMENT_SPOOL_BYTES", "1024", "spool_bytes", 1024),
        ("INSTRUMENT_SPOOL_BYTES", "8 MiB", "spool_bytes", 8 * 1024**2),
        ("INSTRUMENT_STORE_BYTES", "1g", "store_bytes", 1024**3),
        ("INSTRUMENT_SPOOL_AGE", "60", "spool_age", 60.0),
        ("INSTRUMENT_SPOOL_DIR", "/var/spool/x", "spool_dir", pathlib.Path("/var/spool/x")),
        ("INSTRUMENT_SHUTDOWN_TIMEOUT", "0.5", "shutdown_timeout", 0.5),
        ("INSTRUMENT_ON_RATE_LIMIT", "drop", "on_rate_limit", "drop"),
        ("INSTRUMENT_DEBUG", "1", "debug", True),
        ("OTEL_TRACES_SAMPLER", "always_off", "traces_sample_rate", 0.0),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_on", "traces_sample_rate", 1.0),
        ("OTEL_TRACES_SAMPLER", "traceidratio", "traces_sample_rate", 1.0),
        ("OTEL_PROPAGATORS", "tracecontext,baggage", "propagate", ("w3c",)),
        ("OTEL_PROPAGATORS", "sentry, tracecontext", "propagate", ("sentry", "w3c")),
        ("OTEL_PROPAGATORS", "none", "propagate", ()),
        ("OTEL_PROPAGATORS", "baggage", "propagate", ()),
        ("OTEL_PROPAGATORS", "b3,baggage", "propagate", ()),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.version=1%2E2,x=y", "release", "1.2"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop", "service_name", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "host.name=web7", "server_name", "web7"),
    ],
)
def test_a_variable_gives_an_option(monkeypatch, variable, text, option, value):
    assert getattr(read(monkeypatch, {variable: text}), option) == value


def test_every_option_but_what_is_called_has_a_variable_of_ours(monkeypatch, caplog):
    for name in NAMES:
        monkeypatch.setenv(f"INSTRUMENT_{name.upper()}", "no function")
    monkeypatch.delenv("INSTRUMENT_DSN")
    Options.read()
    in_code = {name for name in NAMES if f"{name} must be given in code" in caplog.text}
    assert in_code == {"traces_sampler", "before_send", "before_send_transaction", "before_breadcrumb"}


@pytest.mark.parametrize(
    ("variable", "text", "option"),
    [
        ("SENTRY_TRACES_SAMPLE_RATE", "often", "traces_sample_rate"),
        ("SENTRY_TRACES_SAMPLE_RATE", "nan", "traces_sample_rate"),
        ("SENTRY_SAMPLE_RATE", "1.5", "sample_rate"),
        ("INSTRUMENT_SAMPLE_RATE", "-1", "sample_rate"),
        ("INSTRUMENT_DEBUG", "maybe", "debug"),
        ("INSTRUMENT_MAX_SPANS", "0", "max_spans"),
        ("INSTRUMENT_MAX_SPANS", "1e3", "max_spans"),
        ("INSTRUMENT_SPOOL_BYTES", "much", "spool_bytes"),
        ("INSTRUMENT_SPOOL_AGE", "inf", "spool_age"),
        ("INSTRUMENT_PROPAGATE", "b3", "propagate"),
        ("INSTRUMENT_EXPORTER", "zipkin", "exporter"),
        ("INSTRUMENT_ORG_ID", "acme", "org_id"),
        ("INSTRUMENT_ON_RATE_LIMIT", "retry", "on_rate_limit"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "traces_sample_rate"),
        ("OTEL_PROPAGATORS", "b3", "propagate"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "exporter"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "exporter"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h:99999", "exporter"),
        ("INSTRUMENT_EXPORTER", "sentry", "exporter"),
        ("INSTRUMENT_SCRUB", "card", "scrub"),
        ("INSTRUMENT_SCRUB", "-cards", "scrub"),
        ("INSTRUMENT_BEFORE_SEND", "shop:clean", "before_send"),
        ("INSTRUMENT_SAMPLE_RATE", "none", "sample_rate"),
    ],
)
def test_a_wrong_variable_is_a_warning_and_is_ignored(monkeypatch, caplog, variable, text, option):
    with caplog.at_level(logging.WARNING, "instrument"):
        options = read(monkeypatch, {variable: text})
    assert getattr(options, option) == getattr(Options(), option)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert variable in caplog.text and "ignored" in caplog.text


def test_without_a_dsn_the_other_destinations_of_the_variable_stay(monkeypatch, caplog):
    assert read(monkeypatch, {"INSTRUMENT_EXPORTER": "sentry,console"}).exporter == ("console",)
    assert "INSTRUMENT_EXPORTER" in caplog.text
    caplog.clear()
    assert read(monkeypatch, {"INSTRUMENT_EXPORTER": "sentry,console", "SENTRY_DSN": DSN}).exporter[0] == "sentry"
    assert caplog.text == ""


def test_sentry_named_in_code_is_the_project_that_a_variable_names(monkeypatch):
    variables = {"SENTRY_DSN": DSN, "INSTRUMENT_EXPORTER": "console"}
    options = read(monkeypatch, variables, exporter="sentry")
    assert (options.exporter, options.dsn) == (("sentry",), Dsn.parse(DSN))
    assert read(monkeypatch, variables, exporter="local").dsn is None


def test_no_rate_at_all_can_be_said_by_a_variable(monkeypatch):
    for variable in ("INSTRUMENT_TRACES_SAMPLE_RATE", "SENTRY_TRACES_SAMPLE_RATE"):
        assert read(monkeypatch, {variable: "None"}).only_passes_ids


def test_a_variable_switches_rules_for_secrets_off(monkeypatch):
    assert (
        read(monkeypatch, {"INSTRUMENT_SCRUB": "-card, -IP"}).scrub
        == Options.read(scrub={"card": False, "ip": False}).scrub
    )


def test_after_a_wrong_variable_the_next_one_counts(monkeypatch, caplog):
    variables = {
        "INSTRUMENT_TRACES_SAMPLE_RATE": "x",
        "SENTRY_TRACES_SAMPLE_RATE": "0.5",
        "OTEL_TRACES_SAMPLER": "always_off",
    }
    assert read(monkeypatch, variables).traces_sample_rate == 0.5


@pytest.mark.parametrize(
    ("sampler", "parent", "sampled"),
    [
        ("always_off", True, False),
        ("always_on", False, True),
        ("traceidratio", False, True),
        ("parentbased_always_off", True, True),
        ("parentbased_always_on", False, False),
        ("parentbased_always_off", None, False),
        ("always_on", None, True),
    ],
)
def test_a_sampler_of_opentelemetrys_asks_the_caller_only_if_its_name_says_so(monkeypatch, sampler, parent, sampled):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    instrument.init(exporter=Memory())
    flag = {True: "-01", False: "-00", None: ""}[parent]
    headers = {"traceparent": f"00-{'1' * 32}-{'2' * 16}{flag}"}
    with instrument.transaction("job", "nightly", headers=headers) as transaction:
        assert transaction.sampled is sampled


def test_a_rate_or_a_sampler_of_ours_beats_a_sampler_of_opentelemetrys(monkeypatch):
    variables = {"OTEL_TRACES_SAMPLER": "always_off"}
    assert read(monkeypatch, variables).traces_sampler is not None
    for ours in ({"SENTRY_TRACES_SAMPLE_RATE": "0.5"}, {"INSTRUMENT_TRACES_SAMPLE_RATE": "0.5"}):
        options = read(monkeypatch, {**variables, **ours})
        assert (options.traces_sample_rate, options.traces_sampler) == (0.5, None)
    assert read(monkeypatch, variables, traces_sample_rate=None).only_passes_ids
    assert read(monkeypatch, variables, traces_sampler=len).traces_sampler is len


def test_the_project_is_the_first_that_an_exporter_names():
    one, other = Sentry("https://one@o1.example/1"), Sentry("https://other@o2.example/2")
    options = Options.read(exporter=[Destination(), one, other])
    assert (options.dsn, options.org_id) == (one.dsn, "1")
    assert Options.read("https://k@o3.example/3", exporter=other).dsn == other.dsn
    assert Options.read("https://k@o3.example/3", exporter=["sentry", other]).org_id == "3"
    assert Options.read("https://k@o3.example/3", exporter=Destination()).org_id == "3"
    assert Options.read(exporter=other, org_id="7").org_id == "7"


@pytest.mark.parametrize(
    ("release", "told"),
    [
        ("shop/1.4\n", "shop-1.4"),
        ("shop@1.4", "shop@1.4"),
        ("x" * 300, "x" * 200),
        ("x" * 199 + "é", "x" * 199),
        ("x" * 199 + " y", "x" * 199),
        ("..", None),
        (" ", None),
        ("https://me:secret@host/1.4", "https:--[Filtered]@host-1.4"),
    ],
)
def test_a_release_goes_along_as_the_server_takes_it_and_without_secrets(release, told):
    def clean(text):
        return text.replace("//me:secret@", "//[Filtered]@")

    assert Options.read(release=release).told(clean).release == told


@pytest.mark.parametrize(
    ("environment", "told"),
    [("a/b", "a-b"), ("None", ""), ("", ""), ("x" * 65, "x" * 64), ("é" * 33, "é" * 32), (" staging ", "staging")],
)
def test_an_environment_goes_along_as_the_server_takes_it(environment, told):
    options = Options.read(environment=environment).told(str)
    assert (options.environment, options.release) == (told, None)
    assert options.told(str) == options


def test_of_what_code_gave_opentelemetrys_variables_are_not_even_read(monkeypatch, caplog):
    variables = {"OTEL_TRACES_SAMPLER": "x", "OTEL_PROPAGATORS": "b3", "OTEL_TRACES_EXPORTER": "zipkin"}
    read(monkeypatch, variables, DSN, traces_sample_rate=0.5, propagate=["w3c"])
    assert caplog.records == []


def test_an_empty_variable_is_none(monkeypatch, caplog):
    with monkeypatch.context() as patch:
        for name in NAMES:
            if name != "dsn":
                patch.setenv(f"INSTRUMENT_{name.upper()}", " ")
        for name in ("TRACES_SAMPLER", "PROPAGATORS", "TRACES_EXPORTER", "EXPORTER_OTLP_ENDPOINT", "SERVICE_NAME"):
            patch.setenv(f"OTEL_{name}", "")
        assert Options.read() == Options()
    assert caplog.records == []


@pytest.mark.parametrize("rate", [0, 1, 0.5, True, False, Decimal("0.25"), Fraction(1, 3)])
def test_a_rate_may_be_any_kind_of_number(rate):
    read = Options.read(traces_sample_rate=rate).traces_sample_rate
    assert type(read) is float and read == float(rate)


def test_none_is_a_rate_of_its_own_and_elsewhere_not_given(monkeypatch):
    variables = {"SENTRY_TRACES_SAMPLE_RATE": "0.5", "SENTRY_RELEASE": "1"}
    options = read(monkeypatch, variables, traces_sample_rate=None, release=None, environment=None)
    assert (options.traces_sample_rate, options.release, options.environment) == (None, "1", "production")


@pytest.mark.parametrize(
    ("options", "right"),
    [
        ({"traces_sample_rate": 1.1}, "a number from 0 to 1"),
        ({"traces_sample_rate": -0.1}, "a number from 0 to 1"),
        ({"traces_sample_rate": float("nan")}, "a number from 0 to 1"),
        ({"traces_sample_rate": Decimal("nan")}, "a number from 0 to 1"),
        ({"traces_sample_rate": "0.5"}, "a number from 0 to 1"),
        ({"traces_sample_rate": 10**5000}, "a number from 0 to 1"),
        ({"sample_rate": 2}, "a number from 0 to 1"),
        ({"traces_sampler": 0.5}, "something that can be called"),
        ({"before_send": "x"}, "something that can be called"),
        ({"environment": 7}, "text"),
        ({"debug": "yes"}, "True or False"),
        ({"debug": 1}, "True or False"),
        ({"max_spans": 0}, "a whole number, 1 or more"),
        ({"max_spans": True}, "a whole number, 1 or more"),
        ({"max_breadcrumbs": -1}, "a whole number, 0 or more"),
        ({"max_breadcrumbs": 1.5}, "a whole number, 0 or more"),
        ({"max_request_body_size": "huge"}, "one of never, small, medium, always"),
        ({"propagate": ["b3"]}, '"sentry" and "w3c"'),
        ({"trace_propagation_targets": [7]}, "texts and compiled patterns"),
        ({"trace_propagation_targets": [re.compile(b"x")]}, "texts and compiled patterns"),
        ({"ignore_errors": [KeyError()]}, "classes of exceptions"),
        ({"in_app_include": [1]}, "a list of texts"),
        ({"integrations": [1]}, "names of libraries"),
        ({"exporter": "zipkin"}, "export, flush and close"),
        ({"exporter": [Destination(), object()]}, "export, flush and close"),
        ({"org_id": "acme"}, "digits"),
        ({"org_id": True}, "digits"),
        ({"shutdown_timeout": -1}, "a number of seconds"),
        ({"shutdown_timeout": float("inf")}, "a number of seconds"),
        ({"spool_bytes": 0}, "a whole number of bytes"),
        ({"spool_bytes": 1.5}, "a whole number of bytes"),
        ({"store_path": ""}, "a path"),
        ({"store_path": "a\0b"}, "a path"),
        ({"on_rate_limit": "retry"}, "one of hold, drop"),
    ],
)
def test_a_wrong_value_in_code_is_refused_with_its_name_and_what_is_right(options, right):
    with pytest.raises(BadOption, match=re.escape(right)) as caught:
        Options.read(**options)
    (name,) = options
    assert str(caught.value).startswith(f"{name}=") and len(str(caught.value)) < 500
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("traces_samplerate", "traces_sample_rate"),
        ("DSN", "dsn"),
        ("Traces_Sampler", "traces_sampler"),
        ("enable_tracing", "traces_sample_rate"),
        ("foo", None),
        ("relaese", "release"),
        ("before_sent", "before_send"),
    ],
)
def test_an_unknown_option_is_refused_and_the_nearest_name_suggested(wrong, near):
    with pytest.raises(UnknownOption, match=f"no option '{wrong}'") as caught:
        Options.read(**{wrong: 1})
    assert isinstance(caught.value, TypeError)
    assert ("did you mean" in str(caught.value)) is (near is not None)
    assert near is None or repr(near) in str(caught.value)
    assert near is not None or all(name in str(caught.value) for name in NAMES)


def test_names_of_other_libraries_lead_to_options_that_there_are():
    assert set(ELSEWHERE.values()) <= set(NAMES) and not set(ELSEWHERE) & set(NAMES)


def test_type_checkers_see_the_options_that_there_are():
    assert ["dsn", *InitOptions.__annotations__] == NAMES


@pytest.mark.parametrize("given", [{"exporter": Memory}, {"exporter": [Destination]}])
def test_a_class_in_place_of_an_exporter_is_refused_with_what_to_write(given):
    with pytest.raises(BadOption, match=r"exporter=.*: write (Memory|Destination)\(\.\.\.\)"):
        Options.read(**given)


def test_a_class_in_place_of_an_integration_is_refused():
    class Integration:
        def install(self):
            pass

        uninstall = install

    with pytest.raises(BadOption, match="integrations="):
        Options.read(integrations=[Integration])
    assert len(Options.read(integrations=[Integration()]).integrations) == 1


def test_lists_and_single_values_are_kept_as_tuples():
    pattern = re.compile("x")
    destination = Destination()
    options = Options.read(
        exporter=destination,
        trace_propagation_targets=["a", pattern],
        ignore_errors=KeyError,
        ignore_transactions={"/quiet"},
        in_app_include="shop",
        propagate=[],
        org_id=42,
        store_path="~/traces.db",
    )
    assert options.exporter == (destination,)
    assert options.trace_propagation_targets == ("a", pattern)
    assert options.ignore_errors == (KeyError,)
    assert options.ignore_transactions == ("/quiet", HEALTH_CHECKS)
    assert (options.in_app_include, options.propagate, options.org_id) == (("shop",), (), "42")
    assert options.store_path == pathlib.Path("~/traces.db").expanduser()


def test_a_dsn_may_be_text_or_read_already():
    assert Options.read(DSN) == Options.read(Dsn.parse(DSN)) == Options.read(dsn=DSN)
    assert Options.read(DSN).exporter is None


def test_the_organisation_is_the_dsns_unless_another_is_given():
    assert Options.read(DSN).org_id == "42"
    assert Options.read(DSN, org_id="7").org_id == "7"


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_dsn_delivers_nothing_and_is_no_mistake(monkeypatch, text):
    for options in (Options.read(text), read(monkeypatch, {"SENTRY_DSN": text})):
        assert (options.dsn, options.exporter) == (None, ())
    assert read(monkeypatch, {"SENTRY_DSN": DSN}, text).exporter == ()
    assert read(monkeypatch, {"SENTRY_DSN": DSN, "INSTRUMENT_DSN": text}).dsn is None
    destination = Destination()
    assert Options.read(text, exporter=destination).exporter == (destination,)


def test_a_destination_in_code_shuts_out_those_of_the_environment(monkeypatch):
    variables = {"SENTRY_DSN": DSN, "INSTRUMENT_EXPORTER": "console", "OTEL_TRACES_EXPORTER": "otlp"}
    assert read(monkeypatch, variables).dsn == Dsn.parse(DSN)
    assert read(monkeypatch, variables).exporter == ("console",)
    assert read(monkeypatch, variables, "https://k@other/2").exporter is None
    destination = Destination()
    options = read(monkeypatch, variables, exporter=[destination])
    assert (options.dsn, options.exporter) == (None, (destination,))
    assert read(monkeypatch, {"SENTRY_DSN": "nonsense"}, exporter=[destination]) == options


@pytest.mark.parametrize(
    ("variables", "exporter"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "console,otlp"}, ("console", "otlp")),
        ({"OTEL_TRACES_EXPORTER": "none"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "1"}, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "SENTRY_DSN": DSN}, None),
        ({"INSTRUMENT_EXPORTER": "local", "OTEL_TRACES_EXPORTER": "otlp"}, ("local",)),
    ],
)
def test_the_environment_names_a_destination(monkeypatch, variables, exporter):
    assert read(monkeypatch, variables).exporter == exporter


@pytest.mark.parametrize("bad", [f"https://{KEY}@h:99999/1", f"ftp://{KEY}@h/1", KEY, f"https://{KEY}@h/"])
def test_a_bad_dsn_is_refused_wherever_it_stands_and_its_key_is_not_shown(monkeypatch, bad):
    for variables, args in (({}, (bad,)), ({"SENTRY_DSN": bad}, ()), ({"INSTRUMENT_DSN": bad}, ())):
        with pytest.raises(BadDsn) as caught:
            read(monkeypatch, variables, *args)
        assert KEY not in str(caught.value)
        assert all(name in str(caught.value) for name in variables)


def test_no_message_and_no_printed_options_show_a_key(monkeypatch, caplog):
    printed = repr(Options.read(DSN, http_proxy=f"http://user:{KEY}@proxy:3128"))
    assert KEY not in printed and "Dsn(https://***@o42.example/1)" in printed
    for options in (
        {"exporter": DSN},
        {"exporter": [DSN]},
        {"traces_sample_rate": DSN},
        {"debug": f"https://{KEY}:{KEY}@h"},
    ):
        with pytest.raises(BadOption) as caught:
            Options.read(**options)
        assert KEY not in str(caught.value) and "://***@" in str(caught.value)
    read(monkeypatch, {"INSTRUMENT_EXPORTER": DSN})
    assert "INSTRUMENT_EXPORTER" in caplog.text and KEY not in caplog.text


@pytest.mark.parametrize(
    "name", ["/health", "GET /healthz", "/health/ready", "/livez", "GET /readyz/", "/-/healthy", "/ping"]
)
def test_health_checks_are_ignored_unless_asked_for(name):
    (pattern,) = Options.read().ignore_transactions
    assert pattern.search(name)
    assert Options.read(health_checks=True).ignore_transactions == ()
    assert Options.read(health_checks=True, ignore_transactions=["/x"]).ignore_transactions == ("/x",)


@pytest.mark.parametrize(
    "name", ["/", "/healthcare", "GET /users/health", "/pingpong", "health", "/status", "POST /live/show"]
)
def test_other_names_are_no_health_checks(name):
    assert not HEALTH_CHECKS.search(name)


@given(
    st.sampled_from(NAMES),
    st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.lists(st.text())),
)
def test_any_value_is_taken_or_refused_by_name(name, value):
    try:
        Options.read(**{name: value})
    except BadDsn:
        assert name == "dsn"
    except BadOption as error:
        assert name in str(error)


@given(st.sampled_from(NAMES), st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_any_variable_is_taken_or_ignored(name, text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"INSTRUMENT_{name.upper()}", text)
        try:
            Options.read()
        except BadDsn:
            assert name == "dsn"


def test_options_cannot_be_changed():
    with pytest.raises(AttributeError, match="cannot be changed"):
        Options.read().debug = True


def test_the_state_folder_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "instrument"
    assert not state_folder().exists()


@pytest.mark.parametrize("chosen", ["", "relative/folder"])
@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="these have folders of their own")
def test_the_state_folder_is_otherwise_the_usual_one(monkeypatch, tmp_path, chosen):
    monkeypatch.setenv("XDG_STATE_HOME", chosen)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / ".local" / "state" / "instrument"


def test_without_a_home_the_state_folder_is_one_of_this_user(monkeypatch):
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "")
    monkeypatch.setenv("USERPROFILE", "")
    assert state_folder().is_absolute()


def test_the_incoming_trace_is_read_from_its_variables(monkeypatch):
    assert incoming_environment() == {}
    variables = {"SENTRY_TRACE": "a", "SENTRY_BAGGAGE": "b", "SENTRY_USE_ENVIRONMENT": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert incoming_environment() == variables


@pytest.mark.parametrize(
    ("options", "variables", "url", "proxy"),
    [
        ({}, {}, "https://s/1", None),
        ({}, {"HTTPS_PROXY": "http://p"}, "https://s/1", "http://p"),
        ({}, {"https_proxy": "http://q", "HTTPS_PROXY": "http://p"}, "https://s/1", "http://q"),
        ({}, {"HTTPS_PROXY": "http://p"}, "http://s/1", None),
        ({}, {"HTTP_PROXY": "http://p"}, "https://s/1", "http://p"),
        ({}, {"HTTP_PROXY": "http://p"}, "http://s/1", "http://p"),
        ({}, {"HTTP_PROXY": "http://evil", "REQUEST_METHOD": "GET"}, "http://s/1", None),
        ({}, {"ALL_PROXY": "socks5://p"}, "http://s/1", "socks5://p"),
        ({}, {"HTTPS_PROXY": ""}, "https://s/1", None),
        ({}, {"HTTP_PROXY": "http://p", "NO_PROXY": "x, s"}, "http://s/1", None),
        ({}, {"HTTP_PROXY": "http://p", "NO_PROXY": ".example"}, "http://s.example/1", None),
        ({}, {"HTTP_PROXY": "http://p", "NO_PROXY": "example"}, "http://s.example/1", None),
        ({}, {"HTTP_PROXY": "http://p", "NO_PROXY": "example"}, "http://notexample/1", "http://p"),
        ({}, {"HTTP_PROXY": "http://p", "NO_PROXY": "s:8000"}, "http://s:8000/1", None),
        ({}, {"HTTP_PROXY": "http://p", "NO_PROXY": "s:8000"}, "http://s:9000/1", "http://p"),
        ({}, {"HTTP_PROXY": "http://p", "no_proxy": "*"}, "http://s/1", None),
        ({"http_proxy": "http://o"}, {"HTTP_PROXY": "http://p", "NO_PROXY": "*"}, "http://s/1", "http://o"),
        ({"http_proxy": "http://o"}, {"HTTPS_PROXY": "http://p"}, "https://s/1", "http://o"),
        ({"http_proxy": "http://o", "https_proxy": "http://t"}, {}, "https://s/1", "http://t"),
        ({"http_proxy": "http://o", "https_proxy": ""}, {}, "https://s/1", None),
        ({"https_proxy": "http://t"}, {}, "http://s/1", None),
        ({"http_proxy": ""}, {"HTTP_PROXY": "http://p"}, "http://s/1", None),
    ],
)
def test_the_proxy_on_the_way_to_a_server(monkeypatch, options, variables, url, proxy):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url, Options.read(**options)) == proxy


def test_the_trusted_certificates(monkeypatch):
    assert ca_certificates(Options.read()) is None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/bundle")
    assert ca_certificates(Options.read()) == "/bundle"
    monkeypatch.setenv("SSL_CERT_FILE", "/file")
    assert ca_certificates(Options.read()) == "/file"
    assert ca_certificates(Options.read(ca_certs="/own")) == os.fspath(pathlib.Path("/own"))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {"url": None, "headers": {}, "timeout": 10.0, "gzip": False, "encoding": "protobuf"}),
        ({"ENDPOINT": "http://c:4318"}, {"url": "http://c:4318/v1/traces"}),
        ({"ENDPOINT": "http://c:4318/"}, {"url": "http://c:4318/v1/traces"}),
        ({"ENDPOINT": "http://c/base/"}, {"url": "http://c/base/v1/traces"}),
        ({"ENDPOINT": "http://c", "TRACES_ENDPOINT": "http://d/own"}, {"url": "http://d/own"}),
        ({"TRACES_ENDPOINT": "http://d"}, {"url": "http://d/"}),
        ({"TRACES_ENDPOINT": "http://d:4318?x=1"}, {"url": "http://d:4318/?x=1"}),
        ({"ENDPOINT": "http://c:4318?x=1"}, {"url": "http://c:4318/v1/traces?x=1"}),
        ({"ENDPOINT": "http://c/v1/traces"}, {"url": "http://c/v1/traces/v1/traces"}),
        ({"TRACES_ENDPOINT": "", "ENDPOINT": "http://c"}, {"url": "http://c/v1/traces"}),
        ({"HEADERS": "a=1, b = x%20y ,bad,=c,"}, {"headers": {"a": "1", "b": "x y"}}),
        ({"HEADERS": "a=1", "TRACES_HEADERS": "b=2"}, {"headers": {"b": "2"}}),
        ({"TIMEOUT": "2500"}, {"timeout": 2.5}),
        ({"TIMEOUT": "soon"}, {"timeout": 10.0}),
        ({"TIMEOUT": "0"}, {"timeout": 10.0}),
        ({"COMPRESSION": "gzip"}, {"gzip": True}),
        ({"COMPRESSION": "zip"}, {"gzip": False}),
        ({"PROTOCOL": "http/json"}, {"encoding": "json"}),
        ({"PROTOCOL": "grpc"}, {"encoding": "protobuf"}),
        ({"CERTIFICATE": "/ca", "CLIENT_KEY": "/k"}, {"certificate": "/ca", "client_key": "/k"}),
        ({"CLIENT_CERTIFICATE": "/c"}, {"client_certificate": "/c"}),
    ],
)
def test_the_environment_says_how_an_otlp_receiver_is_reached(monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    settings = otlp_environment()
    assert {name: getattr(settings, name) for name in expected} == expected


def test_the_headers_for_an_otlp_receiver_are_not_printed(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization={KEY},{KEY}")
    assert otlp_environment().headers == {"authorization": KEY}
    assert KEY not in repr(otlp_environment()) and KEY not in caplog.text

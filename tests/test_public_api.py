"""The list of what is public, and the rules that every public name keeps."""

import inspect
import pkgutil
import subprocess
import sys
from importlib import resources

import pytest

import instrument

PUBLIC = [
    "BadDsn",
    "BadOption",
    "Client",
    "Hub",
    "InstrumentError",
    "Scope",
    "Span",
    "Stats",
    "Transaction",
    "UnknownOption",
    "add_breadcrumb",
    "capture_event",
    "capture_exception",
    "capture_message",
    "close",
    "configure_scope",
    "continue_trace",
    "flush",
    "get_current_hub",
    "get_current_scope",
    "get_current_span",
    "get_current_transaction",
    "init",
    "isolated_scope",
    "patch",
    "patches",
    "push_scope",
    "set_context",
    "set_extra",
    "set_tag",
    "set_user",
    "span",
    "start_transaction",
    "stats",
    "suppress",
    "trace_headers",
    "trace_meta",
    "traced",
    "transaction",
    "unpatch",
]

SUBMODULES = ["exporters", "middleware", "patches", "testing"]
"""What users import by name beside the front door."""

ALWAYS_WRITTEN = {
    "add_breadcrumb": {"crumb"},
    "capture_exception": {"error"},
    "capture_message": {"level"},
    "close": {"timeout"},
    "configure_scope": {"callback"},
    "continue_trace": {"name", "op"},
    "finish": {"status"},
    "flush": {"timeout"},
    "init": {"dsn"},
    "set_measurement": {"unit"},
    "set_name": {"source"},
    "span": {"description", "op"},
    "start_child": {"description", "op"},
    "start_transaction": {"name", "op"},
    "traced": {"op"},
    "transaction": {"name", "op"},
}
"""Optional arguments that may come without their name, because a user would always write them."""

SETTERS = ["add_breadcrumb", "set_context", "set_extra", "set_tag", "set_user"]
SPAN = [
    *("op", "description", "status", "trace_id", "span_id", "parent_span_id", "sampled", "transaction"),
    *("start_child", "finish", "set_tag", "set_data", "set_status", "set_http_status", "set_measurement"),
    *("trace_headers", "__enter__", "__exit__", "__aenter__", "__aexit__"),
]

MEMBERS = {
    "Client": ["flush", "close"],
    "Hub": ["client", "scope", "get_scope", "push_scope"],
    "Scope": ["span", "set_span", "transaction", "get_transaction", "clear", "copy", *SETTERS],
    "Span": SPAN,
    "Stats": ["transactions", "spans", "errors", "balanced"],
    "Transaction": [*SPAN, "name", "source", "set_name"],
}
"""What may be relied on in the public classes; there may be more."""

CLASSES = [name for name in PUBLIC if name[0].isupper()]
FUNCTIONS = [name for name in PUBLIC if name[0].islower()]
RECORDERS = ["Client", "Hub", "Scope", "Span", "Transaction"]


def public_methods(name):
    kind = getattr(instrument, name)
    members = inspect.getmembers(kind, lambda member: inspect.isfunction(member) or isinstance(member, property))
    return [(f"{name}.{method}", member) for method, member in members if not method.startswith("_")]


def functions_and_methods():
    found = [(name, getattr(instrument, name)) for name in FUNCTIONS]
    for name in RECORDERS:
        found += [(path, member) for path, member in public_methods(name) if not isinstance(member, property)]
    return found


def test_the_list_is_what_is_public():
    assert instrument.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_says_what_it_is_for(name):
    public = getattr(instrument, name)
    assert inspect.isclass(public) == (name in CLASSES)
    assert callable(public)
    assert inspect.getdoc(public)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_public_class_has_the_members_it_is_known_for(name):
    assert [member for member in MEMBERS[name] if not hasattr(getattr(instrument, name), member)] == []


@pytest.mark.parametrize("name", RECORDERS)
def test_every_public_method_says_what_it_is_for(name):
    assert [path for path, member in public_methods(name) if not inspect.getdoc(member)] == []


def test_nothing_else_is_left_lying_at_the_front_door():
    modules = {module.name for module in pkgutil.iter_modules(instrument.__path__)}
    assert {name for name in vars(instrument) if not name.startswith("_")} - modules <= set(PUBLIC)


def test_no_public_name_is_also_a_module():
    """But for `patches`, a function that lists what the room of that name has applied."""
    modules = {module.name for module in pkgutil.iter_modules(instrument.__path__)}
    assert modules & set(PUBLIC) <= {"patches"}


@pytest.mark.parametrize("use", ["import instrument.patches", "from instrument.patches import *", "instrument.init()"])
def test_patches_stays_a_function_when_the_room_of_that_name_is_in_use(use):
    program = f"import instrument\n{use}\nimport instrument\nassert isinstance(list(instrument.patches()), list)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("name", SUBMODULES)
def test_every_submodule_for_users_can_be_imported(name):
    subprocess.run([sys.executable, "-c", f"import instrument.{name}"], check=True, timeout=60)


def test_optional_arguments_are_given_by_name():
    loose = [
        f"{path}({parameter.name})"
        for path, function in functions_and_methods()
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        and parameter.default is not parameter.empty
        and parameter.name not in ALWAYS_WRITTEN.get(path.rpartition(".")[2], ())
    ]
    assert loose == []


def test_what_we_raise_is_also_a_builtin_kind_of_error():
    assert issubclass(instrument.BadOption, instrument.InstrumentError)
    assert issubclass(instrument.BadOption, ValueError)
    assert issubclass(instrument.BadDsn, instrument.BadOption)
    assert issubclass(instrument.UnknownOption, instrument.InstrumentError)
    assert issubclass(instrument.UnknownOption, TypeError)


def test_a_type_checker_is_told_that_we_have_types():
    assert (resources.files(instrument) / "py.typed").is_file()

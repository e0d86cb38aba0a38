"""What was found clean is not looked at again, and that never lets a secret pass nor grows without end."""

import pytest

import instrument
from instrument import span, transaction
from instrument.exporters import Memory
from instrument.options import Options
from instrument.processing.cleaning import Cleaning
from instrument.processing.ignore import IgnoreTransactions
from instrument.processing.rules import REMEMBERED, Rules
from instrument.testing import record

F = "[Filtered]"
SECRET = "pl4nted-s3cret"
TEXT = f"call with token={SECRET}"


def test_the_same_text_in_one_span_after_the_other_is_scrubbed_in_each():
    with record() as recorded, transaction("a", "b"):
        for _ in range(3):
            with span(TEXT, TEXT, data={TEXT: TEXT}, tags={"note": TEXT}) as one:
                one.set_status(TEXT)
    for one in recorded.spans:
        assert SECRET not in str((one.op, one.description, one.status, one.data, one.tags))
        assert one.op == one.description == one.tags["note"] == f"call with token={F}"


def test_a_clean_neighbour_does_not_vouch_for_a_secret():
    with record() as recorded, transaction("a", "b"):
        for text in ("clean", TEXT, "clean", TEXT, TEXT, "clean"):
            with span(text, text):
                pass
    assert [one.op for one in recorded.spans] == [one.description for one in recorded.spans]
    hidden = f"call with token={F}"
    assert [one.op for one in recorded.spans] == ["clean", hidden, "clean", hidden, hidden, "clean"]


def test_a_span_without_an_op_stays_without_one():
    with record() as recorded, transaction("a", "b"):
        with span("step", "first"):
            pass
        with span(None, None):
            pass
    assert [(one.op, one.description) for one in recorded.spans] == [("step", "first"), (None, None)]


def test_a_description_that_is_clean_elsewhere_is_still_a_query_under_a_databases_op():
    said = "take 17 of them"
    with record() as recorded, transaction("a", said):
        for op in ("step", "db", "step", "db.sql"):
            with span(op, said):
                pass
    assert [one.description for one in recorded.spans] == [said, "take ? of them", said, "take ? of them"]
    assert recorded.transactions[0].name == said


def test_rules_of_a_later_init_hold_for_what_was_clean_before():
    for rules, shown in ((None, "ORD-12"), ({"order": r"ORD-[0-9]+"}, F), (None, "ORD-12")):
        memory = Memory()
        instrument.init(exporter=memory, default_integrations=False, **({"scrub": rules} if rules else {}))
        for _ in range(2):
            with transaction("a", "ORD-12"), span("ORD-12", "ORD-12", data={"n": "ORD-12"}, tags={"t": "ORD-12"}):
                pass
        for item in memory.transactions:
            (one,) = item.spans
            assert {item.name, one.op, one.description, one.data["n"], one.tags["t"]} == {shown}


@pytest.mark.parametrize("kind", ["texts", "names", "words", "queries", "entries", "pieces"])
def test_what_is_remembered_is_bounded(kind):
    rules = Rules(Options())
    ignore = IgnoreTransactions(("/health",))
    with record() as recorded:
        for number in range(REMEMBERED + 10):
            letters = str(number).translate(str.maketrans("0123456789", "abcdefghij"))
            cleaning = Cleaning(rules, {})
            if kind == "texts":
                cleaning.text_alone(f"text {number} and more")
            elif kind == "names":
                with transaction("a", f"name {letters}"):
                    pass
                assert ignore(recorded.transactions[-1], {}) is not None
                recorded.clear()
            elif kind == "words":
                rules.remember_description(f"word {letters}")
            elif kind == "entries":
                cleaning.mapping_at((), {"name": f"value {letters}", f"name {letters}": "value"})
            elif kind == "pieces":
                rules.texts.scrub_query(f"name={letters}&page=2")
            else:
                cleaning.statement_at((), f"SELECT {number} FROM a")
    entries = [(name, value) for name, values in rules._known.items() for value in values]
    held = (rules.texts.clean, rules.descriptions, rules.statements, ignore._kept, entries, rules.texts.clean_pieces)
    assert 0 < max(map(len, held)) <= REMEMBERED
    assert len(ignore._kept) <= REMEMBERED


def test_a_long_text_is_not_remembered():
    rules = Rules(Options())
    Cleaning(rules, {}).text_alone("word " * 1000)
    assert not rules.texts.clean


def test_what_is_the_same_in_every_item_is_scrubbed_too():
    with record(service_name=f"shop token={SECRET}") as recorded, transaction("a", "b"):
        pass
    assert recorded.transactions[0].contexts["process"]["service"] == f"shop token={F}"


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_cannot_say_becomes_text(value):
    with record() as recorded, transaction("a", "b"), span("c", "d", data={"n": value, "m": 2.5}):
        pass
    assert recorded.spans[0].data == {"n": str(value), "m": 2.5}


def test_a_short_value_is_looked_at_closely_where_it_has_a_sign_in_it_or_the_rules_are_the_users():
    with record() as recorded, transaction("a", "b"), span("c", "d", data={"t": "pwd=x1"}, tags={"t": "pwd:x1"}):
        pass
    assert (recorded.spans[0].data, recorded.spans[0].tags) == ({"t": f"pwd={F}"}, {"t": f"pwd:{F}"})
    with record(scrub={"own": "xx"}) as recorded, transaction("a", "b"), span("c", "d", data={"n": "axxb"}):
        pass
    assert recorded.spans[0].data == {"n": f"a{F}b"}


def test_a_value_that_was_harmless_under_one_name_is_hidden_under_another():
    with record() as recorded, transaction("a", "b"):
        for name in ("color", "password", "color", "db.statement", "password"):
            with span("c", "d", data={name: "take 17"}):
                pass
    shown = [next(iter(one.data.values())) for one in recorded.spans]
    assert shown == ["take 17", F, "take 17", "take ?", F]


def test_a_piece_of_a_query_that_was_harmless_does_not_vouch_for_its_neighbours():
    rules = Rules(Options())
    for query, shown in (
        ("page=2&color=red", "page=2&color=red"),
        (f"page=2&token={SECRET}", f"page=2&token={F}"),
        ("page=2&color=red", "page=2&color=red"),
        (f"{SECRET}=1&tok%65n={SECRET}", f"{SECRET}=1&tok%65n={F}"),
        (f"q=call+token%3D{SECRET}", f"q=call token={F}"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghij", F),
        ("4111111111111111=1", f"{F}=1"),
    ):
        for _ in range(2):
            assert rules.texts.scrub_query(query)[0] == shown


def shown(query, **options):
    cleaning = Cleaning(Rules(Options.read(None, exporter="none", **options)), {})
    return [cleaning.request({"query_string": query})["query_string"] for _ in range(2)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("db=postgres://me:pa+ss@host/db", f"db=postgres://{F}@host/db"),
        ("u=https://me:p%20ss@host/", f"u=https://{F}@host/"),
        ("x=password:ab+cd+ef", f"x=password:{F}"),
        ("h=Bearer abcdef+ghijklmnop", f"h=Bearer {F}"),
        ('f={"password":"hunter&two&three"}', f'f={{"password":"{F}"}}'),
        ("next=https://u:p@ss&word@h/", f"next=https://{F}@h/"),
        ("page=2&sort=name+asc&q=50%25", "page=2&sort=name+asc&q=50%25"),
    ],
)
def test_a_secret_in_a_query_does_not_end_at_an_escape_or_a_separator(query, told):
    assert shown(query) == [told, told]


@pytest.mark.parametrize("name", ["query_string", "query"])
def test_a_rule_of_the_users_may_hide_queries_as_a_whole(name):
    assert shown("a=plan&b=2", scrub={"mine": [name]}) == [F, F]


def test_a_name_of_another_type_vouches_for_no_value():
    class Name(str):
        pass

    rules = Rules(Options())
    for name in (Name("password"), "password", Name("color"), "color"):
        value = Cleaning(rules, {}).mapping_at((), {name: "hunter2"})[name]
        assert value == (F if name == "password" else "hunter2")

"""Statements without the values in them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.processing.sql import is_statement, without_lists, without_literals


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT * FROM users WHERE name = 'bob' AND id=7", "SELECT * FROM users WHERE name = ? AND id=?"),
        ("INSERT INTO t1 (a, b) VALUES (1, 'x'), (-2, 'it''s')", "INSERT INTO t1 (a, b) VALUES (?, ?), (?, ?)"),
        ("SELECT a-1, b + 2.5e3, t2.x LIMIT 10", "SELECT a-?, b + ?, t2.x LIMIT ?"),
        ("x = $1 AND y = :name::text AND z = %s AND q = %(q)s AND r = ?", None),
        ("SELECT E'a\\nb', N'x', _utf8'y', 0xFF, $$z$$, $t$ 'w' $t$", "SELECT ?, ?, _utf8?, ?, ?, ?"),
        ('SELECT "Name" FROM "Users" WHERE "Name" = "bob"', 'SELECT "Name" FROM "Users" WHERE "Name" = ?'),
        ("SELECT 1 -- by bob\n, 2 /* his = 'x' */", "SELECT ? \n, ? "),
        ("SELECT 'never closed", "SELECT ?"),
        ("SELECT `a'b` FROM t WHERE c = 'x'", "SELECT `a'b` FROM t WHERE c = ?"),
        ("BEGIN", None),
        ("SELECT column1, t9 FROM schema2.table3", None),
        ("", None),
    ],
)
def test_texts_and_numbers_become_question_marks(statement, expected):
    assert without_literals(statement) == (statement if expected is None else expected)


@pytest.mark.parametrize("path", [r"'C:\' AND b = 'planted'", r"'it\'s planted'", r"'\\' AND b = 'planted'"])
def test_a_backslash_before_a_quote_hides_all_that_follows_in_any_dialect(path):
    assert "planted" not in without_literals(f"SELECT * FROM t WHERE a = {path}")


def test_lists_of_placeholders_are_alike_however_long():
    assert without_lists("a IN (?, ?, ?) AND b IN (%s,%s,%s,%s) AND c IN (?)") == (
        "a IN (?, ...) AND b IN (?, ...) AND c IN (?)"
    )


def test_what_begins_like_sql_is_sql():
    assert is_statement(" select 1")
    assert not is_statement("selection of items")


@given(st.text("abc'\"\\$` -/*\n:?%()=,0123456789", max_size=60), st.integers(10**5, 10**9))
@settings(max_examples=300, deadline=None)
def test_a_literal_is_gone_whatever_stands_before_it(before, number):
    """Whatever state the text before leaves the scanner in, a number or a text that follows it is not shown."""
    made = without_literals(f"{before}\n AND a = {number} AND b = '{number}'")
    assert str(number) not in made or ('"' in before or "`" in before)

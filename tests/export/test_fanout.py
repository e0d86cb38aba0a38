"""Several destinations as one."""

from instrument import _guard
from instrument._books import Books
from instrument.export import Fanout, Memory
from tests.export.worlds import error, transaction


class Broken:
    def __init__(self):
        self.calls = []

    def export(self, item):
        self.calls.append("export")
        raise ValueError("broken")

    def flush(self, timeout=None):
        self.calls.append(("flush", timeout))
        raise ValueError("broken")

    def close(self, timeout=None):
        self.calls.append(("close", timeout))
        raise ValueError("broken")


class Keeping(Memory):
    books = None


def test_each_gets_every_item_whatever_happens_to_the_others(monkeypatch):
    monkeypatch.setattr(_guard, "strict", False)
    first, broken, last = Memory(), Broken(), Memory()
    fanout = Fanout([first, broken, last])
    item, mistake = transaction(), error()
    fanout.export(item)
    fanout.export(mistake)
    assert first.transactions == last.transactions == [item]
    assert first.errors == last.errors == [mistake]
    assert broken.calls == ["export", "export"]


def test_flush_and_close_reach_each_and_are_true_only_if_all_are(monkeypatch):
    monkeypatch.setattr(_guard, "strict", False)
    assert Fanout([Memory(), Memory()]).flush(1.0)
    assert Fanout([Memory(), Memory()]).close(1.0)
    broken = Broken()
    assert not Fanout([broken, Memory()]).flush(1.0)
    assert not Fanout([Memory(), broken]).close()
    assert broken.calls[0][0] == "flush"
    assert 0 < broken.calls[0][1] <= 1.0
    assert broken.calls[1] == ("close", None)


def test_the_books_follow_the_first_that_keeps_books():
    books = Books()
    keepers = [Keeping(), Keeping()]
    assert Fanout([Memory(), *keepers]).assign(books)
    assert keepers[0].books is books
    assert keepers[1].books is not books
    assert keepers[1].books is not None
    assert not Fanout([Memory()]).assign(books)


def test_no_destination_at_all_is_one_that_takes_everything():
    fanout = Fanout([])
    fanout.export(transaction())
    assert fanout.flush()
    assert fanout.close()

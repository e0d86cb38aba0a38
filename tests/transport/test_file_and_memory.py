"""The transports that need no network."""

import os
import stat

from instrument.transport import Answer, FileTransport, MemoryTransport


def test_a_file_gets_each_body_at_its_end(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"before\n")
    transport = FileTransport(path)
    assert [transport.send(body).outcome for body in (b"a\n", b"b\n")] == ["accepted", "accepted"]
    transport.close()
    assert transport.send(b"c\n").outcome == "accepted"
    transport.close()
    assert path.read_bytes() == b"before\na\nb\nc\n"


def test_a_new_file_is_its_owners_alone(tmp_path):
    transport = FileTransport(tmp_path / "out")
    before = os.umask(0)
    try:
        transport.send(b"x")
    finally:
        os.umask(before)
    transport.close()
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_nothing_is_opened_before_the_first_body(tmp_path):
    FileTransport(tmp_path / "out").close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_unreachable(tmp_path):
    answer = FileTransport(tmp_path / "missing" / "out").send(b"x")
    assert answer.outcome == "unreachable"
    assert str(tmp_path) in answer.detail


def test_memory_keeps_what_it_accepts_and_fails_as_told():
    transport = MemoryTransport([Answer("later", 503), Answer("accepted")])
    assert [transport.send(body).outcome for body in (b"a", b"b", b"c")] == ["later", "accepted", "accepted"]
    assert transport.bodies == [b"b", b"c"]
    assert transport.tries == [b"a", b"b", b"c"]
    transport.always = Answer("unreachable")
    assert transport.send(b"d").outcome == "unreachable"

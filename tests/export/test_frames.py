"""Frames: what is sound is found again, whatever happened to the bytes around it."""

import os
import struct
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrument.export import frames
from instrument.export.frames import HEADER_BYTES, encode, is_of_another_version, scan
from instrument.export.record import Record

RECORDS = [Record(("transaction", "error", "report")[i % 3], i, b"payload %d " % i * (i % 7)) for i in range(20)]
FRAMES = [
    encode(record, sequence, 1_700_000_000_000_000_000 + sequence, is_packed=sequence % 2 == 1)
    for sequence, record in enumerate(RECORDS)
]
FILE = b"".join(FRAMES)
ENDS = [sum(map(len, FRAMES[: i + 1])) for i in range(len(FRAMES))]


def scanned(content, offset=0):
    return list(scan(lambda size, position: content[position : position + size], offset, len(content)))


def packed(content, kind=0x81):
    """A sound frame that says its payload is packed."""
    checked = struct.pack("<QqIB", 0, 0, 1, kind) + content
    return struct.pack("<4sII", b"iTx1", len(content), zlib.crc32(checked)) + checked


def deflated(payload):
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(payload) + packer.flush()


def records(content):
    return [frame.record for frame in scanned(content)]


def test_a_frame_gives_back_its_record_sequence_and_time():
    (frame,) = scanned(encode(Record("error", 0, b"payload"), 7, 123))
    assert (frame.record, frame.sequence, frame.time) == (Record("error", 0, b"payload"), 7, 123)
    assert frame.end == HEADER_BYTES + len(b"payload")
    assert frame.lost == 0


def test_frames_are_read_from_an_offset():
    assert [frame.sequence for frame in scanned(FILE, ENDS[4])] == list(range(5, 20))


def test_a_payload_may_be_empty_or_larger_than_what_is_read_at_once():
    kept = [Record("transaction", 1, b""), Record("transaction", 1, bytes(1_000_000)), Record("transaction", 1, b"x")]
    assert records(b"".join(encode(record, 0, 0) for record in kept)) == kept


def test_a_file_cut_anywhere_gives_all_that_was_complete():
    for cut in range(len(FILE) + 1):
        assert records(FILE[:cut]) == RECORDS[: sum(end <= cut for end in ENDS)]


def test_a_flipped_byte_costs_its_own_frame_and_no_other():
    for position in range(len(FILE)):
        damaged = bytearray(FILE)
        damaged[position] ^= 1 << position % 8
        hit = sum(end <= position for end in ENDS)
        assert records(bytes(damaged)) == RECORDS[:hit] + RECORDS[hit + 1 :]


def test_a_flipped_byte_is_counted_as_one_loss():
    for position in range(ENDS[0], ENDS[-2]):
        damaged = bytearray(FILE)
        damaged[position] ^= 0xFF
        assert sum(frame.lost for frame in scanned(bytes(damaged))) == 1


def test_several_lost_in_one_stretch_are_told_by_the_gap_in_the_sequence():
    damaged = FILE[: ENDS[3]] + bytes(ENDS[8] - ENDS[3]) + FILE[ENDS[8] :]
    assert sum(frame.lost for frame in scanned(damaged)) == 5


@given(garbage=st.binary(max_size=200), after=st.integers(0, 20))
def test_garbage_between_frames_costs_nothing(garbage, after):
    position = 0 if after == 0 else ENDS[after - 1]
    assert records(FILE[:position] + garbage + FILE[position:]) == RECORDS


@given(content=st.lists(st.sampled_from([b"iTx1", b"iTx", b"\0\0\0\0", b"\xff" * 4, FRAMES[1], FRAMES[1][:9], b"x"])))
def test_anything_can_be_scanned(content):
    content = b"".join(content)
    assert all(record == RECORDS[1] for record in records(content))
    assert records(content).count(RECORDS[1]) >= content.count(FRAMES[1])


@settings(max_examples=50)
@given(content=st.binary(max_size=5000))
def test_random_bytes_hold_no_record(content):
    assert records(content) == []


def test_a_frame_inside_a_damaged_payload_does_not_hide_the_next_one():
    outer = encode(Record("error", 0, b"..." + FRAMES[1] + b"..."), 0, 0)
    assert records(outer + FRAMES[2])[0].payload == b"..." + FRAMES[1] + b"..."
    assert records(outer[:-1] + b"!" + FRAMES[2]) == [RECORDS[1], RECORDS[2]]


@pytest.mark.parametrize("length", [2**32 - 1, 65 * 1024 * 1024, 10_000])
def test_a_length_that_cannot_be_true_is_passed_over(length):
    assert records(struct.pack("<4sII", b"iTx1", length, 0) + bytes(21) + FRAMES[0]) == [RECORDS[0]]


def test_an_unknown_kind_is_passed_over():
    frame = bytearray(FRAMES[0])
    frame[32] = 99
    frame[8:12] = struct.pack("<I", zlib.crc32(frame[12:]))
    assert records(bytes(frame) + FRAMES[1]) == [RECORDS[1]]


def test_headers_made_up_to_cost_time_are_given_up_on():
    header = struct.pack("<4sII", b"iTx1", 1_000_000, 0) + bytes(HEADER_BYTES - 12)
    begin = time.process_time()
    assert records(header * 70_000) == []
    # Checking a megabyte for each header would take a minute.
    assert time.process_time() - begin < 5


def test_a_file_of_a_newer_version_is_known_by_its_mark():
    def of_another_version(content):
        return is_of_another_version(lambda size, position: content[position : position + size], len(content))

    assert of_another_version(b"iTx2" + FILE[4 : ENDS[0]])
    assert not of_another_version(FILE)
    assert not of_another_version(b"")
    # A bit flipped in the first mark of a file of ours.
    assert not of_another_version(b"iTx3" + FILE[4:])


class TestPacked:
    """A packed frame is smaller; to whoever reads it, it is like any other, or it is damaged."""

    def test_some_of_the_frames_above_are(self):
        assert sum(frame[32] > 0x80 for frame in FRAMES) >= 5

    @given(payload=st.one_of(st.binary(), st.binary(max_size=50).map(lambda part: part * 50)))
    def test_it_gives_back_its_record_and_is_never_larger(self, payload):
        record = Record("error", 0, payload)
        frame = encode(record, 7, 123, is_packed=True)
        assert len(frame) <= len(encode(record, 7, 123))
        (found,) = scanned(frame)
        assert (found.record, found.sequence, found.time, found.end) == (record, 7, 123, len(frame))

    def test_what_does_not_get_smaller_stays_as_it_is(self):
        record = Record("error", 0, os.urandom(500))
        assert encode(record, 7, 123, is_packed=True) == encode(record, 7, 123)

    @pytest.mark.parametrize("spoil", [lambda whole: whole[:-1], lambda whole: whole + b"x", lambda whole: b""])
    def test_one_that_is_cut_or_goes_on_is_damaged_although_its_checksum_holds(self, spoil):
        whole = deflated(RECORDS[6].payload)
        assert records(packed(whole)) == [Record("transaction", 1, RECORDS[6].payload)]
        found = scanned(FRAMES[0] + packed(spoil(whole)) + FRAMES[2])
        assert [frame.record for frame in found] == [RECORDS[0], RECORDS[2]]
        assert [frame.lost for frame in found] == [0, 1]

    def test_one_of_an_unknown_kind_is_passed_over(self):
        assert records(packed(deflated(b"x"), kind=0x84) + packed(deflated(b"x"), kind=0x80) + FRAMES[0]) == RECORDS[:1]

    @given(content=st.binary(max_size=300))
    def test_whatever_is_in_it_harms_nobody(self, content):
        found = records(packed(content) + FRAMES[1])
        assert found[-1] == RECORDS[1]
        assert len(found) <= 2

    def test_one_that_would_fill_the_memory_is_damaged(self, monkeypatch):
        monkeypatch.setattr(frames, "MAX_PAYLOAD", 1 << 20)
        bomb = packed(deflated(bytes(100 << 20)))
        tracemalloc.start()
        try:
            assert records(bomb + FRAMES[1]) == [RECORDS[1]]
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()

"""ProcessPoolExecutor and `multiprocessing.Pool`: the workers live on, what they are given brings its own parent."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from instrument import span, transaction
from tests.stories.told import LIMIT, ToldInFile

METHODS = [method for method in ("fork", "spawn", "forkserver") if method in multiprocessing.get_all_start_methods()]
EXPECTED = {
    "first": None,
    "stage": "first",
    "one": "stage",
    "other stage": "first",
    "other": "other stage",
    "third": "other stage",
}


def work(name):
    with span("work", name):
        return name


@pytest.mark.parametrize("method", METHODS)
def test_work_in_a_process_pool_is_a_child_of_where_it_was_submitted(method, tmp_path):
    told = ToldInFile(tmp_path / "events.jsonl")
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        with transaction("test", "first"):
            with span("stage", "stage"):
                assert pool.submit(work, "one").result(LIMIT) == "one"
            with span("stage", "other stage"):
                assert list(pool.map(work, ["other", "third"], timeout=LIMIT)) == ["other", "third"]
        assert pool.submit(work, "nobody's").result(LIMIT) == "nobody's"
    assert told.parents == EXPECTED
    assert told.traces == 1


@pytest.mark.parametrize("method", METHODS)
def test_work_in_multiprocessings_pool_is_a_child_of_where_it_was_handed_in(method, tmp_path):
    told = ToldInFile(tmp_path / "events.jsonl")
    with multiprocessing.get_context(method).Pool(1) as pool:
        with transaction("test", "first"):
            with span("stage", "stage"):
                assert pool.apply_async(work, ("one",)).get(LIMIT) == "one"
            with span("stage", "other stage"):
                assert pool.map_async(work, ["other", "third"]).get(LIMIT) == ["other", "third"]
        assert pool.apply_async(work, ("nobody's",)).get(LIMIT) == "nobody's"
        pool.close()
        pool.join()
    assert told.parents == EXPECTED
    assert told.traces == 1

"""ThreadPoolExecutor: the worker threads live on, what they are given brings its own parent."""

from concurrent.futures import ThreadPoolExecutor

from instrument import span, transaction
from tests.stories.told import LIMIT


def work(name):
    with span("work", name):
        return name


def test_work_in_a_thread_pool_is_a_child_of_where_it_was_submitted(told):
    with ThreadPoolExecutor(1) as pool:
        with transaction("test", "first"):
            with span("stage", "stage"):
                pool.submit(work, "one").result(LIMIT)
            with span("stage", "other stage"):
                pool.submit(work, "other").result(LIMIT)
        pool.submit(work, "nobody's").result(LIMIT)
        with transaction("test", "second"):
            pool.submit(work, "third").result(LIMIT)
    assert told.parents == {
        "first": None,
        "stage": "first",
        "one": "stage",
        "other stage": "first",
        "other": "other stage",
        "second": None,
        "third": "second",
    }


def test_map(told):
    with ThreadPoolExecutor(2) as pool, transaction("test", "map"), span("stage", "stage"):
        assert list(pool.map(work, ["one", "other"], timeout=LIMIT)) == ["one", "other"]
    assert told.parents == {"map": None, "stage": "map", "one": "stage", "other": "stage"}


def test_an_error_comes_back_without_a_frame_of_ours(told):
    with ThreadPoolExecutor(1) as pool, transaction("test", "error"):
        error = pool.submit(int, "x").exception(LIMIT)
    trace = error.__traceback__
    while trace is not None:
        assert "instrument" not in trace.tb_frame.f_globals["__name__"]
        trace = trace.tb_next

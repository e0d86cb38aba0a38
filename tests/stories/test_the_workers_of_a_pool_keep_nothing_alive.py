"""A pool that is first used in a request does not hold on to that request."""

import weakref
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import pytest

from instrument import isolated_scope, transaction
from tests.stories.told import LIMIT


def submit(pool):
    return pool.submit(len, "abc").result(LIMIT)


def apply(pool):
    return pool.apply_async(len, ("abc",)).get(LIMIT)


@pytest.mark.parametrize(("make", "use"), [(ThreadPoolExecutor, submit), (ThreadPool, apply)])
def test_the_workers_of_a_pool_keep_nothing_alive(told, make, use):
    def request():
        with isolated_scope() as scope, transaction("test", "request") as running:
            pool = make(2)
            assert use(pool) == 3
        return pool, weakref.ref(scope), weakref.ref(running)

    pool, scope, running = request()
    with pool:
        told.memory.clear()
        assert (scope(), running()) == (None, None)

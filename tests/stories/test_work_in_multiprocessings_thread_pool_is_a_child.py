"""`multiprocessing.pool.ThreadPool`, by every way into it."""

from multiprocessing.pool import ThreadPool

import pytest

from instrument import span, transaction
from tests.stories.told import LIMIT

WAYS = {
    "apply": lambda pool, names: [pool.apply(work, (name,)) for name in names],
    "apply_async": lambda pool, names: [pool.apply_async(func=work, args=(name,)).get(LIMIT) for name in names],
    "map": lambda pool, names: pool.map(work, names),
    "map_async": lambda pool, names: pool.map_async(work, names).get(LIMIT),
    "starmap": lambda pool, names: pool.starmap(work, [(name,) for name in names]),
    "imap": lambda pool, names: list(pool.imap(work, names)),
    "imap in chunks": lambda pool, names: list(pool.imap(work, names, chunksize=2)),
    "imap_unordered": lambda pool, names: sorted(pool.imap_unordered(work, names)),
}


def work(name):
    with span("work", name):
        return name


@pytest.mark.parametrize("way", WAYS)
def test_work_in_multiprocessings_thread_pool_is_a_child(told, way):
    with ThreadPool(2) as pool:
        with transaction("test", "pool"), span("stage", "stage"):
            assert WAYS[way](pool, ["one", "other"]) == ["one", "other"]
        assert pool.apply(work, ("nobody's",)) == "nobody's"
    assert told.parents == {"pool": None, "stage": "pool", "one": "stage", "other": "stage"}

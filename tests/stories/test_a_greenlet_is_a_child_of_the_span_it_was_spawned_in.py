"""gevent: greenlets, and threads that have become greenlets, keep the span they were started in.

In a process of its own, as monkey patching is for the whole process and for good.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stories.told import LIMIT

pytest.importorskip("gevent", reason="needs gevent")

ROOT = str(Path(__file__).parents[2])
PROGRAM = """
import json
import sys

import gevent.monkey

if sys.argv[1] == "patched before":
    gevent.monkey.patch_all()
import gevent.pool

import instrument
from tests.stories.told import Told

told = Told()
if sys.argv[1] == "patched after":
    gevent.monkey.patch_all()

import concurrent.futures
import threading


def work(name):
    with instrument.span("work", name):
        gevent.sleep(0)
        with instrument.span("step", f"step of {name}"):
            gevent.sleep(0)


def work_in_thread(name):
    with instrument.span("work", name), instrument.span("step", f"step of {name}"):
        pass


with instrument.transaction("test", "greenlets"):
    with instrument.span("stage", "stage"):
        spawned = [gevent.spawn(work, name) for name in ("one", "other")]
        spawned.append(gevent.spawn_later(0.001, work, "later"))
    pool = gevent.pool.Pool(2)
    with instrument.span("stage", "pool"):
        pool.spawn(work, "pooled")
    with instrument.span("stage", "map"):
        pool.map(work, ["mapped", "mapped too"])
        list(pool.imap_unordered(work, ["streamed"]))
        pool.map_async(work, ["handed in"]).join()
        pool.apply_async(work, ("applied",)).join()
    pool.join()
    gevent.joinall(spawned)
    with instrument.span("stage", "real thread"):
        gevent.get_hub().threadpool.apply(work_in_thread, ("beside",))
    if sys.argv[1] != "not patched":
        with instrument.span("stage", "thread"):
            thread = threading.Thread(target=work, args=("threaded",))
            thread.start()
            thread.join()
        with concurrent.futures.ThreadPoolExecutor(1) as executor, instrument.span("stage", "executor"):
            executor.submit(work, "submitted").result()
print(json.dumps(told.parents))
"""
CHILDREN = {
    "one": "stage",
    "other": "stage",
    "later": "stage",
    "pooled": "pool",
    "mapped": "map",
    "mapped too": "map",
    "streamed": "map",
    "handed in": "map",
    "applied": "map",
    "beside": "real thread",
}
THREADS = {"threaded": "thread", "submitted": "executor"}


@pytest.mark.parametrize("how", ["not patched", "patched before", "patched after"])
def test_a_greenlet_is_a_child_of_the_span_it_was_spawned_in(how):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, *filter(None, sys.path)])}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, how]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    children = {**CHILDREN, **(THREADS if how != "not patched" else {})}
    stages = dict.fromkeys(children.values(), "greenlets")
    steps = {f"step of {name}": name for name in children}
    assert json.loads(done.stdout) == {"greenlets": None, **stages, **children, **steps}

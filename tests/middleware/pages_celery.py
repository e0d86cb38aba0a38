"""A worker of its own process, whose tasks fail in ways that only a pool of processes knows."""

import os
import time

from celery import Celery
from celery.exceptions import Reject

import instrument
from instrument.middleware.celery import trace
from tests.middleware.pages import Mouth

FOLDER = os.environ.get("FOLDER", "")

app = Celery("shop", broker="filesystem://", set_as_current=False)
app.conf.update(
    broker_transport_options={
        "data_folder_in": FOLDER,
        "data_folder_out": FOLDER,
        "control_folder": FOLDER,
        "polling_interval": 0.02,
    },
    worker_prefetch_multiplier=1,
)
trace(app)


@app.task(name="shop.slow", time_limit=1)
def slow():
    with instrument.span("wait", "for ever"):
        time.sleep(60)


@app.task(name="shop.local")
def local():
    class Local(Exception):
        pass

    raise Local("cannot be pickled")


@app.task(name="shop.reject")
def reject():
    raise Reject("no", requeue=False)


@app.task(name="shop.done")
def done():
    return 1


if "EAR" in os.environ:
    instrument.init(exporter=Mouth(int(os.environ["EAR"])))

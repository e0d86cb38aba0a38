"""The mail: a worker, and the task that others send it. The broker is a folder."""

import os
import warnings
from pathlib import Path

from celery import Celery

import instrument
from instrument import span
from instrument.middleware.celery import trace

if __name__ == "__main__":
    instrument.init()

folder = Path(os.environ["SHOP_FOLDER"])
for name in ("queue", "control", "results"):
    (folder / name).mkdir(exist_ok=True)

app = trace(Celery("mail", broker="filesystem://", backend=f"file://{folder}/results"))
app.conf.broker_transport_options = {
    "data_folder_in": str(folder / "queue"),
    "data_folder_out": str(folder / "queue"),
    "control_folder": str(folder / "control"),
    "polling_interval": 0.05,
}


@app.task(name="mail.send")
def send_mail(text):
    with span("smtp", "hand over"):
        (folder / "sent.txt").write_text(text, encoding="utf-8")
    return f"Sent: {text}"


if __name__ == "__main__":
    # It warns of being root, as one is in a container.
    warnings.filterwarnings("ignore", module="celery.platforms")
    app.worker_main(["worker", "--pool", "solo", "--loglevel", "ERROR", "--without-mingle", "--without-gossip"])

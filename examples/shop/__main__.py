"""A shop of three services and a page: `python examples/shop`, or with `--stay` to order in a browser.

The shop (Flask) has a page and takes orders. It asks the stock (FastAPI) over HTTP, and has the mail sent by a worker
(Celery, with a folder for a broker). Each is a process of its own and calls `init` and `trace`; nothing else is needed
for what they do for one order to be one trace. The page hands its trace to the browser by meta tags, and the order that
the browser sends goes on in it.

Without `--stay` this program is the browser: it loads the page, orders two lamps, waits until the mail has been sent,
and shows the trace. It needs flask, fastapi, uvicorn and celery.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

HERE = Path(__file__).parent
PATIENCE = 30.0


@contextmanager
def service(module, folder, listener=None, **environment):
    """Run a service until the block ends. It is given the socket it listens at, which is open already."""
    passed = [listener.fileno()] if listener else []
    process = subprocess.Popen(
        [sys.executable, HERE / f"{module}.py", *map(str, passed)],
        pass_fds=passed,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "SHOP_FOLDER": str(folder), "INSTRUMENT_SERVICE_NAME": module, **environment},
    )
    try:
        yield
    finally:
        # Each in the way that lets it end in good order, and deliver what it has recorded.
        process.send_signal(signal.SIGTERM if module == "mail" else signal.SIGINT)
        process.wait(PATIENCE)


def ask(url, **options):
    with urlopen(Request(url, **options), timeout=PATIENCE) as answer:
        return answer.read().decode()


def order(shop, folder):
    """What the page's script does: send an order in the trace that the page's meta tags name. The id of the trace."""
    page = ask(shop)
    headers = dict(re.findall(r'<meta name="(sentry-trace|baggage)" content="([^"]*)">', page))
    number = ask(f"{shop}/orders/lamp", data=b"count=2", headers=headers)
    sys.path.insert(0, str(HERE))
    os.environ["SHOP_FOLDER"] = str(folder)
    from mail import app

    print(app.AsyncResult(number).get(timeout=PATIENCE, interval=0.05))
    return headers["sentry-trace"][:32]


def main():
    with ExitStack() as running, tempfile.TemporaryDirectory(prefix="shop-") as folder:
        shop, stock = (running.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2))
        shop_url, stock_url = (f"http://127.0.0.1:{one.getsockname()[1]}" for one in (shop, stock))
        running.enter_context(service("mail", folder))
        running.enter_context(service("stock", folder, stock))
        running.enter_context(service("shop", folder, shop, STOCK_URL=stock_url))
        if "--stay" in sys.argv:
            print(f"The shop is at {shop_url} until you press Ctrl-C.")
            try:
                signal.pause()
            except KeyboardInterrupt:
                return
        trace_id = order(shop_url, folder)
        # The services have to end before all of the trace is certain to be there.
        running.close()
    print(f"\nThe trace: instrument show {trace_id}\n", flush=True)
    if not os.environ.get("SENTRY_DSN"):
        subprocess.run([sys.executable, "-m", "instrument", "show", trace_id], check=False)


if __name__ == "__main__":
    main()

"""The shop: a page, and orders."""

import logging
import os
import sys
from urllib.request import Request, urlopen

from flask import Flask, render_template_string, request
from mail import send_mail
from werkzeug.serving import make_server

import instrument
from instrument.middleware.flask import trace

instrument.init()
logging.getLogger("werkzeug").setLevel(logging.WARNING)
app = trace(Flask(__name__))

PAGE = """<!doctype html>
<head><title>Lamps</title>{{ trace_meta() }}</head>
<h1>Lamps</h1>
<button onclick="order()">Order two</button>
<p id="said"></p>
<script>
  async function order() {
    const names = ["sentry-trace", "baggage"];
    const headers = names.map((name) => [name, document.querySelector(`meta[name=${name}]`)?.content ?? ""]);
    const answer = await fetch("/orders/lamp", { method: "POST", headers, body: new URLSearchParams({ count: 2 }) });
    document.getElementById("said").textContent = "Ordered: " + (await answer.text());
  }
</script>
"""


@app.get("/")
def page():
    return render_template_string(PAGE)


@app.post("/orders/<item>")
def order(item):
    count = request.form["count"]
    instrument.set_tag("item", item)
    with urlopen(Request(f"{os.environ['STOCK_URL']}/stock/{item}?count={count}", method="POST")) as answer:
        left = answer.read().decode()
    return send_mail.delay(f"{count} of {item} ordered, {left} left").id


if __name__ == "__main__":
    try:
        make_server("127.0.0.1", 0, app, threaded=True, fd=int(sys.argv[1])).serve_forever()
    except KeyboardInterrupt:
        pass

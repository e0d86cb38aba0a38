"""A tab of a real browser, driven as a reader would: it looks at what is on the page, and presses keys."""

from __future__ import annotations

import itertools
import json
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import connect

from tests.connected.browser import UNPACKED, Browser
from tests.transport.servers import until

LIMIT = 30.0
KEYS = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{unpacked}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{folder}/fonts-cache</cachedir></fontconfig>
"""


def write_fonts(folder: Path) -> Path:
    """What tells the browser where its fonts are. It ends when it has none for a character of a page."""
    path = folder / "fonts.conf"
    path.write_text(FONTS.format(unpacked=UNPACKED, folder=folder), "utf-8")
    return path


class Chrome(Browser):
    """A browser whose tabs can be asked things."""

    @contextmanager
    def tab(self, url, *, dark=False):
        opened = json.loads(self._ask("PUT", "/json/new?about:blank"))
        try:
            with connect(opened["webSocketDebuggerUrl"], max_size=None, compression=None) as socket:
                yield Tab(socket, url, dark)
        finally:
            self._ask("GET", f"/json/close/{opened['id']}")


class Tab:
    """One page. What went wrong on it, and what its policy has refused, is in `complaints`."""

    def __init__(self, socket, url, dark):
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints = []
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
        scheme = "dark" if dark else "light"
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._call("Page.navigate", url=url)

    def ask(self, expression):
        """What a JavaScript expression is."""
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def texts(self, selector):
        """The texts of all elements that a selector finds, as they are shown."""
        return self.ask(f"[...document.querySelectorAll({json.dumps(selector)})].map(element => element.innerText)")

    def wait(self, expression):
        """Until a JavaScript expression is true."""
        assert until(lambda: self.ask(expression), LIMIT), (expression, self.ask("document.body.innerText"))

    def press(self, *keys):
        for key in keys:
            code = {"windowsVirtualKeyCode": KEYS[key]} if key in KEYS else {"text": key}
            self._call("Input.dispatchKeyEvent", type="keyDown", key=key, **code)
            self._call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def write(self, text):
        self._call("Input.insertText", text=text)

    def click(self, selector):
        place = self.ask(
            f"(box => ({{x: box.x + box.width / 2, y: box.y + box.height / 2}}))"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def _call(self, method, **params):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(LIMIT))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(message["params"])

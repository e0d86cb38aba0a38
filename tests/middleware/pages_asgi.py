"""The pages as a plain ASGI application, and what the pages of asynchronous frameworks do."""

import asyncio

import instrument
from instrument.middleware.asgi import Tracing
from tests.middleware import pages
from tests.middleware.pages_wsgi import answer


async def wait_for_gate(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.read(1)
    writer.close()


async def own(number):
    pages.mark_own(number)
    await asyncio.sleep(0.002)
    return pages.note_own(number)


async def stream(port):
    with instrument.span("part", "first"):
        await asyncio.sleep(0)
    yield b"first"
    await wait_for_gate(port)
    with instrument.span("part", "second"):
        await asyncio.sleep(0)
    yield b"second"


async def broken():
    yield b"whole"
    raise RuntimeError("broken")


async def endless(receive):
    while True:
        yield b"x" * 65536
        try:
            message = await asyncio.wait_for(receive(), 0.001)
        except asyncio.TimeoutError:
            continue
        if message["type"] == "http.disconnect":
            return


async def plain(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    if scope["type"] == "websocket":
        await talk(receive, send)
        return
    path = scope["path"].partition("example")[2] or scope["path"]
    _, page, *rest = path.split("/")
    if page == "boom":
        pages.boom(*rest)
    if page in ("stream", "broken", "endless"):
        await receive()
        made = endless(receive) if page == "endless" else globals()[page](*map(int, rest))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async for part in made:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            if page == "endless" and part is None:
                return
        if page != "endless":
            await send({"type": "http.response.body", "body": b""})
        return
    code, text = ("200 OK", await own(*rest)) if page == "own" else answer(page, rest)
    if scope["method"] == "POST":
        await receive()
    headers = [tuple(one.encode() for one in pages.seen())]
    await send({"type": "http.response.start", "status": int(code[:3]), "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


async def lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def talk(receive, send):
    """Answers each message with what it would hand on of its trace; the message "boom" is its end."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message["text"] == "boom":
            pages.boom("spoken")
        with instrument.span("work", message["text"]):
            await asyncio.sleep(0)
        await send({"type": "websocket.send", "text": pages.seen()[1]})


app = Tracing(plain)

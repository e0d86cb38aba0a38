"""The stock: how many there are."""

import sqlite3
import sys

import uvicorn
from fastapi import FastAPI, HTTPException

import instrument
from instrument import span
from instrument.middleware.fastapi import trace

instrument.init()
app = trace(FastAPI())

database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
database.execute("CREATE TABLE stock (item TEXT PRIMARY KEY, count INTEGER)")
database.execute("INSERT INTO stock VALUES ('lamp', 12)")


@app.post("/stock/{item}")
async def take(item: str, count: int):
    with span("shop", f"take from the stock of {item}"):
        found = database.execute(
            "UPDATE stock SET count = count - ? WHERE item = ? AND count >= ? RETURNING count", (count, item, count)
        ).fetchone()
    if found is None:
        raise HTTPException(409, f"there are not {count} of {item}")
    return found[0]


if __name__ == "__main__":
    try:
        uvicorn.run(app, fd=int(sys.argv[1]), log_level="warning")
    except KeyboardInterrupt:
        pass

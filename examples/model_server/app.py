"""A real inference server behind Sluicegate: reads handwritten digits with a small neural network.

    python3 train.py model.joblib
    uvicorn app:app --host 127.0.0.1 --port 9000

`POST /infer` speaks the protocol of docs/WORKER.md. An event is `{"pixels": [64 numbers from 0 to 16]}`; its result is
`{"digit": 7, "sure": 0.98}`, and `n` if the event has one. `/control` and `/books` are for trying things out and answer to this machine only.
"""

import asyncio
import os
import time
from pathlib import Path

import joblib
import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response

from books import Books
from trouble import Live, Settings, Slots, service_seconds

MODEL_FILE = Path(os.environ.get("MODEL_FILE", Path(__file__).with_name("model.joblib")))
MODEL_VERSION = "digits-1"
PIXELS = 64
LOGGED_MAX = 10  # predictions said aloud, so that the first ones can be seen to arrive

app = FastAPI(title="digits")
model = joblib.load(MODEL_FILE)
books = Books()
slots = Slots()
live = Live(Settings(alpha_ms=os.environ.get("ALPHA_MS", 8), beta_ms=os.environ.get("BETA_MS", 1)))
logged = 0


def pixels(event) -> list[float] | None:
    """The picture in an event, or nothing: then this record will never work."""
    if not isinstance(event, dict) or event.get("poison"):
        return None
    found = event.get("pixels")
    if not isinstance(found, list) or len(found) != PIXELS:
        return None
    return found if all(type(pixel) in (int, float) and 0 <= pixel <= 16 for pixel in found) else None


def predict(pictures: list[list[float]]) -> list[dict]:
    sure = model.predict_proba(np.array(pictures))
    return [{"digit": int(row.argmax()), "sure": round(float(row.max()), 3)} for row in sure]


def named(event: dict) -> dict:
    """The number a caller gave its picture goes back to it."""
    return {"n": event["n"]} if "n" in event else {}


async def infer(entries: list[dict]) -> list[dict]:
    """A status for each record: those that are no picture are dropped by name, so that they cost the others nothing."""
    pictures = {entry["entryId"]: pixels(entry["event"]) for entry in entries}
    good = [entry for entry in entries if pictures[entry["entryId"]] is not None]
    results = await asyncio.to_thread(predict, [pictures[e["entryId"]] for e in good]) if good else []
    done = {entry["entryId"]: result | named(entry["event"]) for entry, result in zip(good, results)}
    say_first(good, done)
    return [
        {"entryId": name, "status": "SUCCESS", "result": done[name]} if name in done else {"entryId": name, "status": "DROP"}
        for name in pictures
    ]


def say_first(entries: list[dict], done: dict) -> None:
    global logged
    for entry in entries[: max(0, LOGGED_MAX - logged)]:
        logged += 1
        result, age_ms = done[entry["entryId"]], int(time.time() * 1000) - entry.get("timestamp", 0)
        print(f"delivered {entry['entryId']}: a {result['digit']} ({result['sure']:.0%} sure), {age_ms} ms old", flush=True)


def fault_of(entries: list[dict]) -> int | None:
    """The status that spoils the whole batch, if something does."""
    if live.now.fault in ("500", "503"):
        return int(live.now.fault)
    poisoned = sum(1 for e in entries if isinstance(e["event"], dict) and e["event"].get("poison"))
    books.poisoned += poisoned
    return int(live.now.poison) if poisoned and live.now.poison != "drop" else None


@app.post("/infer")
async def batch(request: Request, response: Response) -> dict:
    entries = (await request.json())["entries"]
    books.batch(entries)
    came = time.monotonic()
    await slots.take(live)
    try:
        began = time.monotonic()
        while live.now.fault == "hang" and not await request.is_disconnected():
            await asyncio.sleep(0.1)
        if status := fault_of(entries):
            books.failed += 1
            raise HTTPException(status, f"asked to answer {status}", {"retry-after": "1"} if status == 503 else None)
        statuses = await infer(entries)
        rest = service_seconds(live.now, len(entries)) - (time.monotonic() - began)
        await asyncio.sleep(max(0.0, rest))
    finally:
        await slots.give_back()
    queued_ms, served_ms = (began - came) * 1000, (time.monotonic() - began) * 1000
    response.headers["server-timing"] = f"queue;dur={queued_ms:.1f}, service;dur={served_ms:.1f}"
    response.headers["x-capacity"] = str(live.now.parallel)
    response.headers["x-model-version"] = MODEL_VERSION
    return {"statuses": statuses}


@app.get("/healthz")
async def healthz() -> dict:
    return {"ready": True, "model": MODEL_VERSION}


def this_machine_only(request: Request) -> None:
    if request.client is None or request.client.host not in ("127.0.0.1", "::1"):
        raise HTTPException(403, "from this machine only")


@app.post("/control")
async def control(request: Request) -> Settings:
    this_machine_only(request)
    try:
        now = live.change(await request.json())
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    await slots.told()
    return now


@app.get("/books")
async def read_books(request: Request, since: int = 0) -> dict:
    this_machine_only(request)
    return books.since(since) | {"settings": live.now}


@app.delete("/books")
async def clear_books(request: Request) -> dict:
    this_machine_only(request)
    books.clear()
    return books.since(0)

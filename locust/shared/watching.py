"""Watches the sidecar and the worker while a scenario runs, and puts what it sees into Locust's own report.

| entry | value in the report's "ms" columns |
|---|---|
| `SEEN end to end` | age of each record when the worker got it, by the record's timestamp, ms |
| `GAUGE lag` | records behind, at each look |
| `GAUGE depth` | records in the queue, at each look |
| `COUNT expired` | records expired since the last look |
"""

import json
import time
import urllib.request
from dataclasses import dataclass, field

import gevent

LOOK_EVERY_S = 0.5
ANSWER_WITHIN_S = 5


def call(url: str, method: str = "GET", body: dict | None = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:
        return answer.read()


def metrics(sidecar: str) -> dict[str, float]:
    """Every metric of the sidecar, by its name alone (series of one name are added up) and by its full series."""
    found: dict[str, float] = {}
    for line in call(f"{sidecar}/metrics").decode().splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name = series.split("{", 1)[0]
            found[name] = found.get(name, 0) + float(value)
            found[series] = float(value)
    return found


@dataclass
class Look:
    """One look at everything; `at` is seconds since the start of the load."""

    at: float
    lag: float | None
    depth: float
    worker_records: int
    partitions: float  # held by the sidecar: the lag is that of these alone


@dataclass
class Watching:
    environment: object
    sidecar: str
    worker: str
    began: float = 0
    before: dict = field(default_factory=dict)
    last: dict = field(default_factory=dict)
    books: dict = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    ages: list[tuple[float, int]] = field(default_factory=list)  # (seconds since the start, age in ms)
    missed: int = 0  # looks that got no answer

    def start(self) -> None:
        self.before = self.last = metrics(self.sidecar)
        self.books = json.loads(call(f"{self.worker}/books", "DELETE"))
        self.began = time.monotonic()
        gevent.spawn(self.watch)

    def watch(self) -> None:
        while True:
            gevent.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        try:
            now = metrics(self.sidecar)
            books = json.loads(call(f"{self.worker}/books?since={self.books['records']}"))
        except OSError:  # a hung worker does not hang its books, but a restart does
            self.missed += 1
            return
        at = time.monotonic() - self.began
        expired = now.get("sluicegate_expired_records_total", 0) - self.last.get("sluicegate_expired_records_total", 0)
        self.last, self.books = now, books
        lag, depth = now.get("sluicegate_backlog_records"), now.get("sluicegate_queue_records", 0)
        partitions = now.get("sluicegate_assigned_partitions", 0)
        self.looks.append(Look(at, lag, depth, books["records"], partitions))
        for age in books["ages_ms"]:
            self.ages.append((at, age))
            self.report("SEEN", "end to end", age)
        self.report("GAUGE", "depth", depth)
        if lag is not None:
            self.report("GAUGE", "lag", lag)
        if expired > 0:
            self.report("COUNT", "expired", expired)

    def report(self, kind: str, name: str, value: float) -> None:
        self.environment.events.request.fire(
            request_type=kind, name=name, response_time=value, response_length=0, exception=None, context={}
        )

    def grew(self, name: str) -> float:
        """How much a counter of the sidecar grew since the start."""
        return self.last.get(name, 0) - self.before.get(name, 0)

    def caught_up(self, look: Look) -> bool:
        """Nothing is left to do, in any partition that the sidecar had at the start."""
        whole = look.partitions >= self.before.get("sluicegate_assigned_partitions", 0)
        return whole and look.lag == 0 and look.depth == 0

    def wait_until(self, what, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.looks and what(self):
                return True
            gevent.sleep(0.1)
        return False

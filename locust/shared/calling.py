"""Locust users that ask over HTTP, through the sidecar's ingress, and what they were answered.

Each asks with a number of its own and looks for it in the answer: an answer of somebody else's is a failure. Who is
turned away comes again when it was told to.
"""

import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field

import gevent
from locust import FastHttpUser, events, task
from locust.exception import StopUser

from .pictures import picture

_numbers = itertools.count(1)


@dataclass
class Asked:
    """What became of a request; `at` is seconds since the start of the load."""

    at: float
    ms: float
    status: int  # 0: no answer came


@dataclass
class Calling:
    began: float = field(default_factory=time.monotonic)
    asked: list[Asked] = field(default_factory=list)
    mixed_up: int = 0  # answers that belong to another request
    untold: int = 0  # 429 without a word on when to come again
    leaves_at: float = float("inf")  # by the monotonic clock: from then on who balances load sends nobody here any more
    reasons: Counter = field(default_factory=Counter)  # of those without an answer

    def add(self, ms: float, status: int) -> None:
        self.asked.append(Asked(time.monotonic() - self.began, ms, status))

    def between(self, begin: float, end: float) -> list[Asked]:
        return [a for a in self.asked if begin <= a.at <= end]

    def statuses(self) -> Counter:
        return Counter(a.status for a in self.asked)

    def p95_ms(self, begin: float, end: float) -> float:
        good = sorted(a.ms for a in self.between(begin, end) if a.status == 200)
        return good[int(len(good) * 0.95)] if good else float("inf")

    def rate(self, begin: float, end: float) -> float:
        return sum(1 for a in self.between(begin, end) if a.status == 200) / (end - begin)


@events.init.add_listener
def keep(environment, **_) -> None:
    environment.calling = Calling()


class Caller(FastHttpUser):
    """`allowed` are the statuses that are no failure; `timeout_ms` goes along as the request's own."""

    abstract = True
    allowed = (200,)
    timeout_ms: int | None = None
    connection_timeout = 10.0
    network_timeout = 60.0

    def __init__(self, environment) -> None:
        self.host = environment.parsed_options.ingress
        super().__init__(environment)

    @task(99)
    def predict(self) -> None:
        number, calling = next(_numbers), self.environment.calling
        if time.monotonic() >= calling.leaves_at:
            raise StopUser
        headers = {"content-type": "application/json"}
        if self.timeout_ms is not None:
            headers["x-request-timeout-ms"] = str(self.timeout_ms)
        body = json.dumps({"n": number, "pixels": picture()})
        began = time.monotonic()
        with self.client.post("/predict", data=body, headers=headers, catch_response=True) as answer:
            status = answer.status_code
            calling.add((time.monotonic() - began) * 1000, status)
            if status == 200 and answer.json().get("n") != number:
                calling.mixed_up += 1
                answer.failure("an answer of another request's")
            elif status in self.allowed:
                answer.success()
            elif status == 0:
                calling.reasons[str(answer.error)] += 1
            told = answer.headers or {}
            calling.untold += status == 429 and "retry-after" not in told
        if told.get("connection") == "close":
            raise StopUser  # the sidecar is on its way out: a client would turn to another instance
        if status == 429:
            gevent.sleep(float(told.get("retry-after", 1)))

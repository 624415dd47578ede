"""A Locust user that produces to Kafka, and the one producer of this process.

`produce()` only queues: users never wait for an answer, so the arrival rate does not depend on how the other side is
doing (open loop). Delivery callbacks come out of `poll()`, which has a greenlet of its own; a call that blocks, such as
`flush()`, would stop every user, because librdkafka's waiting is not gevent's.
"""

import json
import time
from collections import Counter

import gevent
from confluent_kafka import Producer
from locust import User, task

from .arriving import AtRandom
from .pictures import picture

POLL_EVERY_S = 0.005
RECORDS_PER_USER = 10  # a second


class Producing:
    """Counts what the brokers have acknowledged and tells Locust about each."""

    def __init__(self, environment) -> None:
        options = environment.parsed_options
        self.environment, self.topic = environment, options.topic
        self.acknowledged, self.failed = 0, 0
        self.kinds: Counter[str] = Counter()
        self.waiting = 0
        self.producer = Producer({"bootstrap.servers": options.brokers, "linger.ms": 5, "acks": "all"})
        self.polling = gevent.spawn(self.poll)

    def poll(self) -> None:
        while True:
            self.producer.poll(0)
            gevent.sleep(POLL_EVERY_S)

    def send(self, deadline_in_ms: int | None = None, kind: str = "record", **fields) -> None:
        """One record; `kind` is what it is counted as."""
        began = time.perf_counter()
        headers = [] if deadline_in_ms is None else [("deadline_ms", str(int(time.time() * 1000) + deadline_in_ms))]
        value = json.dumps({"pixels": picture(), **fields}).encode()

        def told(error, _message) -> None:
            self.waiting -= 1
            self.acknowledged += error is None
            self.failed += error is not None
            self.kinds[kind] += error is None
            self.report(kind, time.perf_counter() - began, len(value), error and Exception(str(error)))

        try:
            self.producer.produce(self.topic, value, headers=headers, on_delivery=told)
            self.waiting += 1
        except BufferError as error:  # the brokers take nothing: a failure of the run, not a reason to wait
            self.failed += 1
            self.report(kind, 0, len(value), error)

    def report(self, kind: str, seconds: float, length: int, error) -> None:
        self.environment.events.request.fire(
            request_type="PRODUCE",
            name=kind,
            response_time=seconds * 1000,
            response_length=length,
            exception=error,
            context={},
        )

    def all_acknowledged(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while self.waiting and time.monotonic() < deadline:
            gevent.sleep(0.05)
        return not self.waiting


class KafkaUser(AtRandom, User):
    """Ten records a second, whatever becomes of them. Subclasses say in `record` what is in one."""

    abstract = True
    rate = RECORDS_PER_USER

    @task
    def arrive(self) -> None:
        self.record()

    def record(self) -> None:
        self.environment.run.producing.send()

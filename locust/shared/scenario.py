"""What the scenario files share: the stages of load, what a run found, the bands it is judged by, and the exit code.

A scenario file has a sentence `WHY`, worker settings `WORKER`, a user, stages and a function `bands(run)`.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass

import gevent
from locust import LoadTestShape, events

from . import options  # noqa: F401  registers the command line
from . import calling  # noqa: F401  every run keeps what callers were answered
from .producing import RECORDS_PER_USER, Producing
from .watching import Watching, call, metrics

# The worker's curve in all scenarios that name no other: 32 records take 40 + 4 x 32 = 168 ms, so 190 records a second.
WORKER = {"alpha_ms": 40, "beta_ms": 4, "cv": 0.1, "parallel": 1, "fault": "none", "poison": "500"}
CAPACITY = 190  # records a second at the default BATCH_SIZE; the unit of load in the scenario files
IDLE_WITHIN_S = 60  # what an earlier run has left behind has to be gone by then


class Stages(LoadTestShape):
    """Stages of (share of the time, arrival rate in units of CAPACITY). Stages follow each other without a ramp."""

    abstract = True
    stages: list[tuple[float, float]] = []
    beside = 0  # users that are there all the time, beside those that produce
    joining = 1000.0  # users that come or go a second: a stage begins at once

    def tick(self):
        seconds = self.runner.environment.parsed_options.seconds
        end = 0.0
        for share, load in self.stages:
            end += share * seconds
            if self.get_run_time() < end:
                users = max(1, round(load * CAPACITY / RECORDS_PER_USER)) + self.beside
                return users, self.joining
        return None


@dataclass
class Band:
    """What a figure has to be within, both ends included."""

    what: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ok(self) -> bool:
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)

    @property
    def wanted(self) -> str:
        if self.low == self.high:
            return f"= {self.low:g}"
        low = [] if self.low is None else [f">= {self.low:g}"]
        return " and ".join(low + ([] if self.high is None else [f"<= {self.high:g}"]))


class Run:
    """One scenario from start to verdict."""

    def __init__(self, environment, scenario) -> None:
        found = environment.parsed_options
        self.environment, self.scenario, self.options = environment, scenario, found
        self.producing = Producing(environment)
        self.watching = Watching(environment, found.sidecar, found.model_server)
        self.settled_s = float("inf")
        self.over = False  # the load is; what a scenario does beside it ends then
        self.during = None

    def set_worker(self, **settings) -> None:
        call(f"{self.options.model_server}/control", "POST", settings)

    def start(self) -> None:
        self.set_worker(**WORKER | getattr(self.scenario, "WORKER", {}))
        deadline = time.monotonic() + IDLE_WITHIN_S
        while metrics(self.options.sidecar).get("sluicegate_backlog_records", 1) > 0:
            if time.monotonic() > deadline:
                sys.exit("the sidecar is behind, or does not know its lag: nothing can be judged from here")
            gevent.sleep(0.2)
        self.watching.start()
        self.environment.calling.began = self.watching.began
        if during := getattr(self.scenario, "during", None):
            self.during = gevent.spawn(during, self)

    def settle(self) -> None:
        """Waits for the acknowledgements and until the sidecar has caught up."""
        began, self.over = time.monotonic(), True
        if self.during is not None:
            self.during.get(timeout=self.options.settle)  # raises what it raised
        self.producing.all_acknowledged(10)
        if getattr(self.scenario, "DRAINS", False):
            self.settled_s = time.monotonic() - began
            return
        looked = len(self.watching.looks)  # a look from after the last acknowledgement
        caught_up = lambda w: len(w.looks) > looked + 1 and w.caught_up(w.looks[-1])
        if self.watching.wait_until(caught_up, self.options.settle):
            self.settled_s = time.monotonic() - began

    # Figures for the bands.

    def age_ms(self, percent: float, start: float = 0, end: float = float("inf")) -> float:
        """A percentile of the records' ages at the worker, between two shares of the load's time."""
        begin, finish = start * self.options.seconds, end * self.options.seconds
        ages = sorted(age for at, age in self.watching.ages if begin <= at <= finish)
        return ages[min(len(ages) - 1, int(len(ages) * percent / 100))] if ages else float("inf")

    def depth_max(self) -> float:
        return self.watching.last.get("sluicegate_queue_records_max", float("inf"))

    def depth_limit(self) -> float:
        return self.watching.last.get("sluicegate_queue_limit_records", 0)

    def expired(self) -> float:
        return self.watching.grew("sluicegate_expired_records_total")

    def rate(self, start: float, end: float) -> float:
        """Records a second that the worker got between two shares of the load's time."""
        looks = [k for k in self.watching.looks if start * self.options.seconds <= k.at <= end * self.options.seconds]
        if len(looks) < 2:
            return 0
        return (looks[-1].worker_records - looks[0].worker_records) / (looks[-1].at - looks[0].at)

    def lost(self) -> float:
        """Acknowledged by the brokers, and neither seen by the worker nor given up on the way to it."""
        hopeless = self.watching.grew('sluicegate_skipped_records_total{reason="hopeless"}')
        return self.producing.acknowledged - self.watching.books["distinct"] - self.expired() - hopeless

    def always(self) -> list[Band]:
        """What has to hold in every scenario."""
        found = [
            Band("records produced", self.producing.acknowledged, low=1),
            Band("produce failures", self.producing.failed, 0, 0),
            Band("broken promises", self.watching.grew("sluicegate_invariant_violations_total"), 0, 0),
        ]
        if getattr(self.scenario, "DRAINS", False):
            return found
        return found + [
            Band("lost", self.lost(), high=0),
            Band("depth over QUEUE_MAXSIZE", max(0, self.depth_max() - self.depth_limit()), 0, 0),
            Band("seconds until the lag is gone", self.settled_s, high=self.options.settle),
        ]

    def verdict(self) -> bool:
        bands = self.scenario.bands(self) + self.always()
        width = max(len(band.what) for band in bands)
        print(f"\n{self.scenario.__name__}: {' '.join(self.scenario.WHY.split())}")
        for band in bands:
            print(f"  {'ok  ' if band.ok else 'FAIL'} {band.what:<{width}} {band.value:>10.4g}  {band.wanted}")
        good = all(band.ok for band in bands)
        print(f"  => {'pass' if good else 'FAIL'}", flush=True)
        if self.options.verdict:
            rows = [asdict(band) | {"ok": band.ok, "wanted": band.wanted} for band in bands]
            with open(self.options.verdict, "w") as file:
                json.dump({"scenario": self.scenario.__name__, "ok": good, "bands": rows}, file, default=str)
        return good


def judged(name: str) -> None:
    """Called once by a scenario file, with its `__name__`: runs it from start to verdict and exit code."""
    scenario = sys.modules[name]

    @events.test_start.add_listener
    def start(environment, **_) -> None:
        environment.run = Run(environment, scenario)
        environment.run.start()

    @events.test_stop.add_listener
    def stop(environment, **_) -> None:
        run = environment.run
        run.settle()
        environment.passed = run.verdict()
        run.set_worker(**WORKER)

    @events.quitting.add_listener
    def quitting(environment, **_) -> None:
        environment.process_exit_code = 0 if getattr(environment, "passed", False) else 1

"""The acceptance: 200 callers twice and then 400, then a burst of 10,000 records, and ten that are too late.

`--seconds` is the length of each of the three loads; 180 is the one that counts. A minute of the first load goes before them:
the worker has just become ten times slower, and finding out takes the sidecar half of that minute. How long callers
waited meanwhile is told and judged by nobody.
"""

import gevent
from locust import LoadTestShape, task

from shared.arriving import AtRandom
from shared.calling import Caller
from shared.scenario import Band, judged

WHY = """What a team wants to see before it believes it: no failure at 200 and 400 callers, figures that a second run
repeats, a queue that keeps its bound through a burst, and nothing delivered that was too late."""

# Eight hundred calls a second would fit, and most of a call's time is the worker's and not this machine's.
WORKER = {"alpha_ms": 80, "beta_ms": 1, "cv": 0.1}
CALLS_PER_CALLER = 0.5  # a second
PAUSE_S, BURST, LATE = 5, 10_000, 10
WARM_S = 60
# (callers, callers that join a second)
LOADS = [(200, 10), (200, 100), (400, 100)]
JOINED_S = 25  # 200 callers at 10 a second, a call of each, and what waited then


class Callers(AtRandom, Caller):
    rate = CALLS_PER_CALLER

    @task(1)
    def look(self):
        """As a probe does: over a connection of its own, because the admin address keeps few."""
        url = f"{self.environment.parsed_options.sidecar}/readyz"
        self.client.get(url, name="/readyz", headers={"connection": "close"})


def begins(load: int, seconds: float) -> float:
    return WARM_S + PAUSE_S + load * (seconds + PAUSE_S)


def span(load: int, seconds: float) -> tuple[float, float]:
    """When a load is on with all its callers."""
    begin = begins(load, seconds)
    return begin + JOINED_S, begin + seconds


class Loads(LoadTestShape):
    def tick(self):
        seconds, at = self.runner.environment.parsed_options.seconds, self.get_run_time()
        spans = [(0, WARM_S, LOADS[0])]
        spans += [(begins(load, seconds), begins(load, seconds) + seconds, LOADS[load]) for load in range(len(LOADS))]
        for begin, end, load in spans:
            if at < end:
                return load if at >= begin else (0, 1000)
        return None if self.runner.environment.run.bursts_over else (0, 1000)


def during(run):
    """After the loads: the burst, and the late ones behind it."""
    run.bursts_over = False
    gevent.sleep(begins(len(LOADS), run.options.seconds))
    run.lags = [run.watching.looks[-1].lag]
    for number in range(BURST):
        run.producing.send(kind="burst", n=number)
        if number % 500 == 0:
            gevent.sleep(0)
    before = run.expired()
    for _ in range(LATE):
        run.producing.send(deadline_in_ms=-1, kind="too late")
    run.producing.all_acknowledged(30)
    looked = len(run.watching.looks)
    run.watching.wait_until(lambda w: len(w.looks) > looked + 1, 10)
    run.lags.append(max(look.lag or 0 for look in run.watching.looks[-3:]))
    run.watching.wait_until(lambda w: w.caught_up(w.looks[-1]), 120)
    run.lags.append(run.watching.looks[-1].lag)
    run.late_expired = run.expired() - before
    run.bursts_over = True


def bands(run):
    seconds, calling = run.options.seconds, run.environment.calling
    stats = run.environment.stats
    calls, looks = stats.get("/predict", "POST"), stats.get("/readyz", "GET")
    p95 = [calling.p95_ms(*span(load, seconds)) for load in range(3)]
    rate = [calling.rate(*span(load, seconds)) for load in range(3)]
    found = [
        Band("share of /predict", calls.num_requests / (calls.num_requests + looks.num_requests), low=0.98),
        Band("failures", calls.num_failures + looks.num_failures, 0, 0),
        Band("requests without a 200", len(calling.asked) - calling.statuses()[200], 0, 0),
        Band("answers of somebody else's", calling.mixed_up, 0, 0),
    ]
    found.append(Band("the minute before: p95 ms", calling.p95_ms(0, WARM_S), low=0))
    for (callers, joining), at_p95, at_rate in zip(LOADS, p95, rate):
        name = f"{callers} callers at {joining}/s"
        found.append(Band(f"{name}: p95 ms", at_p95, high=1000))
        found.append(Band(f"{name}: a second", at_rate, low=0.95 * callers * CALLS_PER_CALLER))
    return found + [
        Band("second run of 200, p95", p95[1] / p95[0], 0.9, 1.1),
        Band("second run of 200, throughput", rate[1] / max(1, rate[0]), 0.9, 1.1),
        Band("records in the burst", run.producing.kinds["burst"], BURST, BURST),
        Band("depth at most", run.depth_max(), high=run.depth_limit()),
        Band("of 10 too late, expired", run.late_expired, LATE, LATE),
        Band("latest at the worker, ms late", run.watching.books["late_ms_max"], 0, 0),
        Band("lag before the burst", run.lags[0], 0, 0),
        Band("lag during the burst", run.lags[1], low=1),
        Band("lag after it", run.lags[2], 0, 0),
    ]


judged(__name__)

"""Six hundred callers, more than the queue has room for, beside a Kafka backlog, until the sidecar is drained.

Each calls again as soon as it is answered, or when `retry-after` says so. Most have eight seconds, in which the share
that is theirs serves them; some have half a second, which is too little.
"""

import time

import gevent

from shared.calling import Caller
from shared.producing import KafkaUser
from shared.scenario import CAPACITY, Band, Stages, judged
from shared.watching import call

WHY = """At capacity who cannot be served is told so at once (429), or in time (504), and on the way out (503); nobody is
left without an answer, and neither side starves the other."""

PATIENT, HASTY = 580, 20
CALLERS = PATIENT + HASTY
PATIENCE_MS = 8000
ALLOWED = (200, 429, 503, 504)
DRAIN_AT = 0.85  # of the time
TURNED_AWAY_S = 0.8  # after that, because it is not ready; INGRESS_DRAIN_GRACE, in which connections are taken, is a second
DRAINS = True  # so there is no lag to wait for at the end


class Patient(Caller):
    fixed_count = PATIENT
    allowed = ALLOWED
    timeout_ms = PATIENCE_MS


class Hasty(Caller):
    fixed_count = HASTY
    allowed = ALLOWED
    timeout_ms = 500


class Records(KafkaUser):
    pass


class Overload(Stages):
    stages = [(0.95, 1.5)]
    beside = CALLERS


def during(run):
    gevent.sleep(DRAIN_AT * run.options.seconds)
    run.environment.calling.leaves_at = time.monotonic() + TURNED_AWAY_S
    gevent.get_hub().threadpool.apply(call, (f"{run.options.sidecar}/drain?wait=4s", "POST"))


def bands(run):
    seconds, calling = run.options.seconds, run.environment.calling
    statuses = calling.statuses()
    begin, end = 0.2 * seconds, DRAIN_AT * seconds
    served, records = calling.rate(begin, end), run.rate(0.2, DRAIN_AT)
    explained = sum(statuses[status] for status in ALLOWED)
    return [
        Band("requests served a second", served, low=0.25 * CAPACITY),
        Band("Kafka's share of what was sent", records / max(1, records + served), low=0.35, high=0.65),
        Band("429", statuses[429], low=1),
        Band("504", statuses[504], low=1),
        Band("503 of the drain", statuses[503], low=1),
        Band("429 without retry-after", calling.untold, 0, 0),
        Band("other answers", len(calling.asked) - explained - statuses[0], 0, 0),
        Band("without an answer", statuses[0], 0, 0),
        Band("answers of somebody else's", calling.mixed_up, 0, 0),
        Band("slowest 200, ms", max((a.ms for a in calling.asked if a.status == 200), default=0), high=PATIENCE_MS + 300),
    ]


judged(__name__)

"""A worker that becomes four times slower for a third of the time, and then answers 503 for a moment."""

import gevent

from shared.producing import KafkaUser
from shared.scenario import WORKER as USUAL
from shared.scenario import Band, Stages, judged

WHY = """A slow worker costs time and nothing else: nobody is charged for it, nothing becomes a dead letter, and the ages
are what they were once it is well again."""


class Records(KafkaUser):
    pass


class Steady(Stages):
    stages = [(1.0, 0.4)]


def during(run):
    seconds = run.options.seconds
    gevent.sleep(0.2 * seconds)
    run.set_worker(alpha_ms=4 * USUAL["alpha_ms"], beta_ms=4 * USUAL["beta_ms"])
    gevent.sleep(0.25 * seconds)
    run.set_worker(fault="503")
    gevent.sleep(0.05 * seconds)
    run.set_worker(**USUAL)


def bands(run):
    return [
        Band("age p95 ms before", run.age_ms(95, 0.05, 0.2), high=600),
        Band("age p95 ms at the end", run.age_ms(95, 0.85, 1.0), high=600),
        Band("dead letters", run.watching.grew("sluicegate_dead_letter_records_total"), 0, 0),
        Band("batches sent into the 503", run.watching.books["failed"], high=20),
    ]


judged(__name__)

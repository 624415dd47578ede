"""A ramp to twice what the worker can take, and back."""

from shared.producing import KafkaUser
from shared.scenario import CAPACITY, Band, Stages, judged

WHY = """Beyond capacity the worker has to stay as busy as it can be, while what waits stays in Kafka, where it is safe:
the queue is at its bound, the lag grows, nothing is lost and all of it is worked off afterwards."""


class Records(KafkaUser):
    pass


class Ramp(Stages):
    stages = [(0.15, 0.5), (0.15, 1.0), (0.15, 1.5), (0.3, 2.0), (0.25, 0.2)]


def bands(run):
    return [
        Band("records a second at 2x", run.rate(0.45, 0.75), low=0.9 * CAPACITY),
        Band("lag at most", max(k.lag or 0 for k in run.watching.looks), low=1),
        Band("records twice", run.watching.books["repeats"], 0, 0),
    ]


judged(__name__)

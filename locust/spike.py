"""Ten times the usual rate for a tenth of the time."""

from shared.producing import KafkaUser
from shared.scenario import CAPACITY, Band, Stages, judged

WHY = """A spike is taken up by Kafka and not by memory: the worker runs at capacity until the spike is worked off, and the
ages are then what they were before."""


class Records(KafkaUser):
    pass


class Spike(Stages):
    stages = [(0.25, 0.25), (0.1, 2.5), (0.65, 0.25)]


def bands(run):
    return [
        Band("age p95 ms before", run.age_ms(95, 0.08, 0.24), high=600),
        Band("records a second in the spike", run.rate(0.27, 0.38), low=0.9 * CAPACITY),
        Band("age p95 ms at the end", run.age_ms(95, 0.8, 1.0), high=600),
        Band("records twice", run.watching.books["repeats"], 0, 0),
    ]


judged(__name__)

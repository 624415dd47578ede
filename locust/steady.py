"""A steady arrival rate the worker can take."""

from shared.producing import KafkaUser
from shared.scenario import Band, Stages, judged

WHY = """At 60 % of capacity nothing should wait: a record is old by the linger, a call that is under way, and its own
call, and the gate never shuts."""


class Records(KafkaUser):
    pass


class Steady(Stages):
    stages = [(1.0, 0.6)]


def bands(run):
    return [
        Band("age p50 ms", run.age_ms(50, 0.2), high=300),
        Band("age p95 ms", run.age_ms(95, 0.2), high=600),
        Band("records twice", run.watching.books["repeats"], 0, 0),
        Band("pauses", run.watching.grew("sluicegate_pauses_total"), 0, 0),
    ]


judged(__name__)

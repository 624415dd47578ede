"""Two hundred callers over HTTP beside a stream of records from Kafka, together within what the worker can take."""

from shared.arriving import AtRandom
from shared.calling import Caller
from shared.producing import KafkaUser
from shared.scenario import CAPACITY, RECORDS_PER_USER, Band, Stages, judged

WHY = """Callers and Kafka share batches: within capacity every caller gets its own answer, none is turned away, and the
records do not wait either."""

CALLERS = 200
CALLS_PER_CALLER = 0.4  # a second


class Callers(AtRandom, Caller):
    fixed_count = CALLERS
    rate = CALLS_PER_CALLER


class Records(KafkaUser):
    pass


class Steady(Stages):
    stages = [(1.0, 0.25)]
    beside = CALLERS


def bands(run):
    seconds, calling = run.options.seconds, run.environment.calling
    statuses = calling.statuses()

    def mean_ms(name):
        grew = run.watching.grew
        return 1000 * grew(name + "_sum") / max(1, grew(name + "_count"))

    return [
        Band("requests", len(calling.asked), low=0.8 * CALLERS * CALLS_PER_CALLER * seconds),
        Band("requests without a 200", len(calling.asked) - statuses[200], 0, 0),
        Band("answers of somebody else's", calling.mixed_up, 0, 0),
        Band("answered within, p95 ms", calling.p95_ms(0.3 * seconds, seconds), high=800),
        Band("by the sidecar's clock: until sent, mean ms", mean_ms("sluicegate_request_wait_seconds"), high=400),
        Band("by the sidecar's clock: answered, mean ms", mean_ms("sluicegate_request_latency_seconds"), high=600),
        Band("age p95 ms", run.age_ms(95, 0.3), high=800),
    ]


judged(__name__)

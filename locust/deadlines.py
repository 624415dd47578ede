"""Every record is worthless 500 ms after it was made, and there are half as many again as the worker can take."""

from shared.producing import KafkaUser
from shared.scenario import CAPACITY, Band, Stages, judged

# The promise is about sending. What is also answered before its deadline depends on TTL_MODE and QUEUE_ORDER: it is told,
# and judged by nobody (docs/VALIDATION.md compares them).
WHY = """What is too old is dropped before the worker wastes time on it: the worker stays at capacity with records that
are still worth something, and sees none after its deadline."""

LIFE_MS = 500
CLOCK_MS = 5  # from the last check through the socket to the worker's own look at the clock


class Records(KafkaUser):
    def record(self):
        self.environment.run.producing.send(deadline_in_ms=LIFE_MS)


class Overload(Stages):
    stages = [(1.0, 1.5)]


def bands(run):
    grew = run.watching.grew
    in_time = grew("sluicegate_completed_records_total") - grew("sluicegate_late_records_total")
    return [
        Band("records a second sent in time", run.rate(0.1, 0.95), low=0.75 * CAPACITY),
        Band("records a second answered in time", in_time / run.options.seconds, low=0),
        Band("expired, share", run.expired() / max(1, run.producing.acknowledged), low=0.1, high=0.5),
        Band("latest at the worker, ms late", run.watching.books["late_ms_max"], high=CLOCK_MS),
        Band("age p99 ms", run.age_ms(99), high=LIFE_MS + CLOCK_MS),
        Band("records twice", run.watching.books["repeats"], 0, 0),
    ]


judged(__name__)

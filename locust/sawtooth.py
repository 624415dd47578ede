"""A rate that swings so that the queue goes from one watermark to the other and back."""

from shared.producing import KafkaUser
from shared.scenario import Band, Stages, judged

WHY = """Watermarks apart make pauses that are worth it: the gate shuts and opens with the swing. A short pause only stops
reading and costs nothing; those that throw away what was fetched are rare, and little or nothing is fetched twice."""

SWINGS = 4


class Records(KafkaUser):
    pass


class Sawtooth(Stages):
    stages = [(0.5 / SWINGS, 2.6), (0.5 / SWINGS, 0.1)] * SWINGS


def bands(run):
    seconds = run.options.seconds
    refetched = run.watching.grew("sluicegate_refetched_bytes_total")
    polled = run.watching.grew("sluicegate_polled_bytes_total")

    def pauses(stage):
        return run.watching.grew(f'sluicegate_pauses_total{{stage="{stage}",reason="queue_full"}}')

    return [
        Band("pauses", pauses("soft") + pauses("hard"), low=1),
        Band("soft pauses a second", pauses("soft") / seconds, high=10),
        Band("hard pauses a second", pauses("hard") / seconds, high=1),
        Band("bytes fetched twice, share", refetched / max(1, polled), high=0.5),
        Band("records twice", run.watching.books["repeats"], 0, 0),
    ]


judged(__name__)

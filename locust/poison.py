"""One record in a hundred brings the worker to answer 500 for the whole batch it is in."""

import random

from shared.producing import KafkaUser
from shared.scenario import Band, Stages, judged

WHY = """A 500 does not say whose fault it was. The poisoned records end as dead letters, exactly they, and the others
are delivered: the halving of batches finds the guilty ones."""

SHARE = 0.01


class Records(KafkaUser):
    def record(self):
        if random.random() < SHARE:
            self.environment.run.producing.send(kind="poison", poison=True)
        else:
            self.environment.run.producing.send()


class Steady(Stages):
    stages = [(1.0, 0.25)]


def bands(run):
    letters = run.watching.grew("sluicegate_dead_letter_records_total")
    return [
        Band("poisoned records", run.producing.kinds["poison"], low=1),
        Band("dead letters less poisoned records", letters - run.producing.kinds["poison"], 0, 0),
        Band("records sent, per record", run.watching.books["records"] / run.producing.acknowledged, high=5),
    ]


judged(__name__)

"""A second member joins the sidecar's group and leaves it again, over and over."""

import time

import gevent
from confluent_kafka import Consumer

from shared.producing import KafkaUser
from shared.scenario import Band, Stages, judged

WHY = """Partitions that come and go cost a hand-over each and lose nothing: what is in flight is finished and committed
before a partition is given back, so the next owner delivers almost nothing twice."""

STAYS_S, AWAY_S, JOINS_WITHIN_S = 2, 3, 20


class Records(KafkaUser):
    pass


class Steady(Stages):
    stages = [(1.0, 0.4)]


def poll(visitor, seconds, until=lambda: False):
    """Polls without blocking, which would stop every user of this process."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not until():
        visitor.poll(0)
        gevent.sleep(0.02)


def visit(run):
    """Joins, takes its share of the partitions, reads nothing of them and commits nothing, and leaves."""
    settings = {
        "bootstrap.servers": run.options.brokers,
        "group.id": run.options.group,
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
    }
    visitor = Consumer(settings)
    taken = []

    def assigned(consumer, partitions):
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        taken.extend(partitions)

    visitor.subscribe([run.options.topic], on_assign=assigned)
    poll(visitor, JOINS_WITHIN_S, until=lambda: taken)
    poll(visitor, STAYS_S)
    gevent.get_hub().threadpool.apply(visitor.close)  # it waits for the group, and not as gevent does
    return bool(taken)


def during(run):
    run.visits = 0
    while not run.over:
        gevent.sleep(AWAY_S)
        run.visits += visit(run)


def bands(run):
    return [
        Band("visits with partitions", run.visits, low=1),
        Band("hand-overs", run.watching.grew("sluicegate_rebalances_total"), low=2),
        Band("records twice, share", run.watching.books["repeats"] / run.producing.acknowledged, high=0.05),
        Band("age p50 ms", run.age_ms(50), high=1000),
        Band("age p99 ms", run.age_ms(99), high=10_000),
    ]


judged(__name__)

"""When users come: each at moments of its own, at a rate that does not depend on how long it is made to wait.

Locust's `constant_throughput` keeps the phase a user began with, and Locust starts users in crowds, as many at once as
join in a second. Two hundred callers who joined so all call in the same two moments for ever, and what is measured is
the crowd.
"""

import random
import time

import gevent


class AtRandom:
    """For a user, first among its bases. `rate` is times a second; the gaps are exponential, so that users together are
    a Poisson stream. Who was held up makes up for it at once."""

    rate: float

    def on_start(self) -> None:
        self.due = time.monotonic() + random.expovariate(self.rate)
        gevent.sleep(self.due - time.monotonic())

    def wait_time(self) -> float:
        self.due += random.expovariate(self.rate)
        return max(0.0, self.due - time.monotonic())

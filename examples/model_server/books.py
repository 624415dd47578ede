"""What this server has seen, for the load scenarios to check: counts, and how old records were when
they came. Requests over HTTP are counted apart.

`GET /books?since=N` gives the ages of the records after the first N, so that a reader misses none and sees none twice.
"""

import time

AGES_MAX = 50_000  # ages kept for readers that come late
SEEN_MAX = 2_000_000  # entry ids remembered, to tell a record that comes twice


class Books:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.records = self.requests = self.repeats = self.late = self.batches = self.poisoned = self.failed = 0
        self.late_ms_max = 0
        self.seen: set[str] = set()
        self.ages_ms: list[int] = []
        self.first_age = 0  # which record ages_ms[0] belongs to

    def batch(self, entries: list[dict]) -> None:
        """A batch has arrived."""
        now = int(time.time() * 1000)
        self.batches += 1
        for entry in entries:
            late_ms = now - entry.get("deadlineMs", now)
            if late_ms > 0:
                self.late += 1
                self.late_ms_max = max(self.late_ms_max, late_ms)
            if entry["partition"] < 0:  # a request over HTTP
                self.requests += 1
                continue
            self.records += 1
            if entry["entryId"] in self.seen:
                self.repeats += 1
            elif len(self.seen) < SEEN_MAX:
                self.seen.add(entry["entryId"])
            self.ages_ms.append(max(0, now - entry.get("timestamp", now)))
        if len(self.ages_ms) > 2 * AGES_MAX:
            gone = len(self.ages_ms) - AGES_MAX
            del self.ages_ms[:gone]
            self.first_age += gone

    def since(self, first: int) -> dict:
        ages = self.ages_ms[max(0, first - self.first_age) :]
        return {
            "records": self.records,
            "requests": self.requests,
            "distinct": len(self.seen),
            "repeats": self.repeats,
            "late": self.late,
            "late_ms_max": self.late_ms_max,
            "batches": self.batches,
            "poisoned": self.poisoned,
            "failed": self.failed,
            "ages_ms": ages,
        }

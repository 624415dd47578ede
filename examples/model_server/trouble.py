"""How this server behaves badly on demand: a latency curve on top of the model's own time, and faults.

Everything here is for trying things out; a worker of yours has none of it.
"""

import asyncio
import random

from pydantic import BaseModel, Field


class Settings(BaseModel):
    """What `POST /control` sets; what is left out stays. A batch of b records takes `alpha_ms + beta_ms * b` on
    average, spread by the coefficient of variation `cv`; `parallel` batches are worked on at once, the others wait."""

    model_config = {"extra": "forbid"}

    alpha_ms: float = Field(8.0, ge=0, le=60_000)
    beta_ms: float = Field(1.0, ge=0, le=10_000)
    cv: float = Field(0.1, ge=0, le=5)
    parallel: int = Field(1, ge=1, le=64)
    fault: str = Field("none", pattern="^(none|hang|500|503)$")  # what every batch gets
    poison: str = Field("500", pattern="^(drop|422|500)$")  # what becomes of a batch with a `poison` record in it


class Slots:
    """Batches worked on at once; the number may change while some are waiting."""

    def __init__(self) -> None:
        self.busy = 0
        self.changed = asyncio.Condition()

    async def take(self, settings: "Live") -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.busy < settings.now.parallel)
            self.busy += 1

    async def give_back(self) -> None:
        async with self.changed:
            self.busy -= 1
            self.changed.notify_all()

    async def told(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class Live:
    """The settings in force, which `POST /control` replaces."""

    def __init__(self, start: Settings) -> None:
        self.now = start

    def change(self, wanted: dict) -> Settings:
        self.now = Settings.model_validate(self.now.model_dump() | wanted)
        return self.now


def service_seconds(settings: Settings, records: int) -> float:
    """One draw from the curve; a gamma distribution never goes below zero and has the tail of a real server."""
    mean = (settings.alpha_ms + settings.beta_ms * records) / 1000
    if settings.cv == 0 or mean == 0:
        return mean
    shape = 1 / settings.cv**2
    return random.gammavariate(shape, mean / shape)

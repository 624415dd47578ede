"""The parts as services of the compose stack, which has to be up: `docker compose up`, or scripts/compose-local.

Locust runs in a container of its own beside the sidecar; its reports come out through a mount.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 90


def compose() -> list[str]:
    """Compose v2 where docker has it, else docker-compose."""
    v2 = subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    found = ["docker", "compose"] if v2 else ["docker-compose"]
    if not v2 and shutil.which("docker-compose") is None:
        sys.exit("neither `docker compose` nor `docker-compose` is there")
    return found


class Composed:
    def __init__(self, reports: Path) -> None:
        self.compose = compose()
        self.scenarios, self.where = "/locust", ROOT
        run = ["--profile", "load", "run", "--rm", "--no-deps", "-T", "-u", f"{os.getuid()}:{os.getgid()}"]
        self.locust = [*self.compose, *run, "-v", f"{reports}:/reports", "-w", "/reports", "locust", "locust"]

    def do(self, *told: str, env: dict | None = None) -> str:
        done = subprocess.run([*self.compose, *told], cwd=ROOT, env=os.environ | (env or {}), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(told)} failed:\n{done.stderr}")
        return done.stdout

    def start(self) -> None:
        self.do("--profile", "load", "build", "locust")
        for hello in self.do("ps", "-q", "hello").split():  # its records are none of a scenario's
            subprocess.run(["docker", "wait", hello], check=True, capture_output=True)

    def sidecar(self, adaptive: str) -> dict[str, str]:
        """A fresh sidecar on the same topic and group; everything a Locust has to know is in the compose file."""
        self.do("up", "-d", "--no-deps", "--force-recreate", "sluicegate", env={"ADAPTIVE": adaptive})
        deadline = time.monotonic() + READY_WITHIN_S
        healthcheck = [*self.compose, "exec", "-T", "sluicegate", "sluicegate", "healthcheck"]
        while subprocess.run(healthcheck, cwd=ROOT, capture_output=True).returncode:
            if time.monotonic() > deadline:
                sys.exit(f"the sidecar is not ready:\n{self.do('logs', '--tail', '20', 'sluicegate')}")
            time.sleep(0.3)
        return {}

    def close(self) -> None:
        """Whoever brought it up stops it."""

"""The parts as processes of this machine: the example worker and the sidecar beside an Apache Kafka, each on a free port."""

import subprocess
import urllib.request
from pathlib import Path

from parts import ROOT, Kafka, free_ports


def answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=2) as answer:
        return answer.status == 200


class Native(Kafka):
    def __init__(self, binary: Path, python: Path, reports: Path) -> None:
        kafka, control, self.worker_port, self.admin_port, self.ingress_port = free_ports(5)
        super().__init__(kafka, control)
        self.binary, self.python, self.where = binary, python, reports
        self.runs = 0
        self.locust = [python, "-m", "locust"]
        self.scenarios = ROOT / "locust"

    def start(self) -> None:
        self.start_kafka()
        model = self.dir / "model.joblib"
        app = ROOT / "examples/model_server"
        subprocess.run([self.python, app / "train.py", model], check=True)
        worker = [self.python, "-m", "uvicorn", "app:app", "--port", str(self.worker_port), "--no-access-log"]
        health = f"http://127.0.0.1:{self.worker_port}/healthz"
        self.spawn("worker", worker, {"MODEL_FILE": str(model)}, lambda: answers(health), cwd=app)

    def sidecar(self, mode: str) -> dict[str, str]:
        """A fresh topic, group and sidecar; returns the environment of a Locust that is to look at it. The mode is a value
        of ADAPTIVE, and with plus signs other flags."""
        adaptive, *others = mode.split("+")
        self.stop("sidecar")
        self.runs += 1
        topic, group = f"jobs-{self.runs}", f"digits-{self.runs}"
        self.make_topics(topic, f"{topic}.dead")
        admin = f"http://127.0.0.1:{self.admin_port}"
        flags = {
            "KAFKA_BROKERS": self.brokers,
            "KAFKA_TOPICS": topic,
            "KAFKA_GROUP_ID": group,
            "WORKER_URL": f"http://127.0.0.1:{self.worker_port}/infer",
            "DLQ_TOPIC": f"{topic}.dead",
            "ADMIN_ADDR": f"127.0.0.1:{self.admin_port}",
            "INGRESS_ADDR": f"127.0.0.1:{self.ingress_port}",
            "ADAPTIVE": adaptive,
        }
        flags |= dict(flag.split("=", 1) for flag in others)
        self.spawn("sidecar", [self.binary, "run"], flags, lambda: answers(f"{admin}/readyz"))
        return {
            "KAFKA_BROKERS": self.brokers,
            "TOPIC": topic,
            "KAFKA_GROUP_ID": group,
            "WORKER": f"http://127.0.0.1:{self.worker_port}",
            "SIDECAR": admin,
            "INGRESS": f"http://127.0.0.1:{self.ingress_port}",
        }

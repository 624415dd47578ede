"""The parts as processes of this machine: Apache Kafka, the example worker and the sidecar, each on a free port.

Everything that is started here is stopped by `close()`, and lives in one directory that is gone with it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JARS = ROOT / ".cache/kafka"
JAVA = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{JARS}/*"]
CLUSTER_ID = "c2x1aWNlZ2F0ZS1sb2FkLQ"
READY_WITHIN_S = 60
STOPS_WITHIN_S = 40  # SHUTDOWN_TIMEOUT + 5 s, with some room

KAFKA = """process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.quorum.voters=1@127.0.0.1:{control}
log.dirs={dir}/log
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [port.getsockname()[1] for port in held]
    for port in held:
        port.close()
    return ports


def wait_for(what: str, check, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if check():
                return
        except OSError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"{what} does not start; the end of its log:\n" + "\n".join(log.read_text().splitlines()[-20:]))


def answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=2) as answer:
        return answer.status == 200


class Native:
    def __init__(self, binary: Path, python: Path, reports: Path) -> None:
        self.binary, self.python, self.where = binary, python, reports
        self.dir = Path(tempfile.mkdtemp(prefix="sluicegate-load-"))
        self.processes: dict[str, subprocess.Popen] = {}
        kafka, self.control, worker, admin, ingress = free_ports(5)
        self.brokers = f"127.0.0.1:{kafka}"
        self.kafka_port, self.worker_port, self.admin_port, self.ingress_port = kafka, worker, admin, ingress
        self.runs = 0
        self.flags: dict[str, str] = {}  # beside those that a run needs
        self.locust = [python, "-m", "locust"]
        self.scenarios = ROOT / "locust"

    def start(self) -> None:
        subprocess.run(["sh", ROOT / "tests/support/kafka/jars.sh"], check=True)
        properties = self.dir / "server.properties"
        properties.write_text(KAFKA.format(port=self.kafka_port, control=self.control, dir=self.dir))
        tool = [*JAVA, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
        subprocess.run(tool, check=True, capture_output=True)
        kafka = [*JAVA, "kafka.Kafka", str(properties)]
        self.spawn("kafka", kafka, {}, lambda: socket.create_connection(("127.0.0.1", self.kafka_port), 1).close() is None)

        model = self.dir / "model.joblib"
        app = ROOT / "examples/model_server"
        subprocess.run([self.python, app / "train.py", model], check=True)
        worker = [self.python, "-m", "uvicorn", "app:app", "--port", str(self.worker_port), "--no-access-log"]
        health = f"http://127.0.0.1:{self.worker_port}/healthz"
        self.spawn("worker", worker, {"MODEL_FILE": str(model)}, lambda: answers(health), cwd=app)

    def spawn(self, name: str, command: list, env: dict, ready, cwd: Path = ROOT) -> None:
        log = self.dir / f"{name}.log"
        with open(log, "ab") as output:
            process = subprocess.Popen(
                command, cwd=cwd, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.processes[name] = process
        wait_for(name, ready, process, log)

    def sidecar(self, adaptive: str) -> dict[str, str]:
        """A fresh topic, group and sidecar; returns the environment of a Locust that is to look at it."""
        self.stop("sidecar")
        self.runs += 1
        topic, group = f"jobs-{self.runs}", f"digits-{self.runs}"
        for name in (topic, f"{topic}.dead"):
            made = ["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.brokers, "--create"]
            subprocess.run([*JAVA, *made, "--topic", name, "--partitions", "4"], check=True, capture_output=True)
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
        self.spawn("sidecar", [self.binary, "run"], flags | self.flags, lambda: answers(f"{admin}/readyz"))
        return {
            "KAFKA_BROKERS": self.brokers,
            "TOPIC": topic,
            "KAFKA_GROUP_ID": group,
            "WORKER": f"http://127.0.0.1:{self.worker_port}",
            "SIDECAR": admin,
            "INGRESS": f"http://127.0.0.1:{self.ingress_port}",
        }

    def stop(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        for name in ("sidecar", "worker", "kafka"):
            self.stop(name)
        shutil.rmtree(self.dir, ignore_errors=True)

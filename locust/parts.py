"""Processes of this machine: how they are started, waited for and stopped, and an Apache Kafka among them.

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


class Parts:
    """Processes, and the directory they live in."""

    def __init__(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="sluicegate-load-"))
        self.processes: dict[str, subprocess.Popen] = {}

    def spawn(self, name: str, command: list, env: dict, ready, cwd: Path = ROOT) -> None:
        log = self.dir / f"{name}.log"
        with open(log, "ab") as output:
            process = subprocess.Popen(
                command, cwd=cwd, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.processes[name] = process
        wait_for(name, ready, process, log)

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
        """The last that was started goes first."""
        for name in reversed(list(self.processes)):
            self.stop(name)
        shutil.rmtree(self.dir, ignore_errors=True)


class Kafka(Parts):
    """With a broker of one node."""

    def __init__(self, port: int, control: int) -> None:
        super().__init__()
        self.kafka_port, self.control = port, control
        self.brokers = f"127.0.0.1:{port}"

    def start_kafka(self) -> None:
        subprocess.run(["sh", ROOT / "tests/support/kafka/jars.sh"], check=True)
        properties = self.dir / "server.properties"
        properties.write_text(KAFKA.format(port=self.kafka_port, control=self.control, dir=self.dir))
        tool = [*JAVA, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
        subprocess.run(tool, check=True, capture_output=True)
        kafka = [*JAVA, "kafka.Kafka", str(properties)]
        self.spawn("kafka", kafka, {}, lambda: socket.create_connection(("127.0.0.1", self.kafka_port), 1).close() is None)

    def make_topics(self, *names: str) -> None:
        for name in names:
            made = ["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.brokers, "--create"]
            subprocess.run([*JAVA, *made, "--topic", name, "--partitions", "4"], check=True, capture_output=True)

"""Where things are. Every option is an environment variable too; `locust/run` and the compose file set them."""

from locust import events


@events.init_command_line_parser.add_listener
def add(parser) -> None:
    group = parser.add_argument_group("sluicegate")

    def option(name: str, default, env: str, what: str) -> None:
        group.add_argument(name, env_var=env, default=default, type=type(default), help=what)

    option("--brokers", "127.0.0.1:9092", "KAFKA_BROKERS", "brokers to produce to")
    option("--topic", "jobs", "TOPIC", "topic the sidecar reads")
    option("--group", "digits", "KAFKA_GROUP_ID", "the sidecar's consumer group")
    option("--model-server", "http://127.0.0.1:9000", "WORKER", "the example worker: its /books and /control are used")
    option("--sidecar", "http://127.0.0.1:9464", "SIDECAR", "the sidecar's ADMIN_ADDR")
    option("--ingress", "http://127.0.0.1:9466", "INGRESS", "the sidecar's INGRESS_ADDR, for the scenarios over HTTP")
    option("--seconds", 60, "SECONDS_OF_LOAD", "how long the load lasts; the stages share it out")
    option("--settle", 60, "SETTLE_SECONDS", "how long to wait afterwards for the lag to be gone")
    option("--verdict", "", "VERDICT_FILE", "also write the verdict here, as JSON")

//! A real Apache Kafka: KRaft, one node or several, in directories of their own, on free ports.
//!
//! `KAFKA_BROKERS` uses a broker that is there already. Otherwise java and (for the jars, once) mvn are needed, and one
//! that is missing fails the test: what is not tested must not look tested.

use std::{path::Path, sync::OnceLock, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};

use super::{
    client,
    node::{Extras, Listener, Node, Ports},
};

pub struct RealKafka {
    brokers: String,
    /// None where the broker was there already.
    nodes: Vec<Node>,
    /// The ports for listeners beside the plain one, where it has any.
    pub beside: Vec<u16>,
}

impl RealKafka {
    /// The broker of this test binary, started on first use and gone with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RealKafka> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A broker of its own, killed when dropped; with `KAFKA_BROKERS` the one that is there.
    pub fn start() -> Self {
        match std::env::var("KAFKA_BROKERS") {
            Ok(brokers) => Self { brokers, nodes: Vec::new(), beside: Vec::new() },
            Err(_) => Self::start_own(),
        }
    }

    /// A broker of its own, whatever is there: one that may be killed.
    pub fn start_own() -> Self {
        Self::start_with(|_, _| Extras::default())
    }

    /// One that also listens for clients who come through a proxy at this port.
    pub fn start_behind(proxy: u16) -> Self {
        Self::start_with(|_, ports| {
            let port = ports.beside[0];
            let listener = Listener { name: "PROXIED", protocol: "PLAINTEXT", port, advertised: proxy };
            Extras { listeners: vec![listener], ..Extras::default() }
        })
    }

    /// One with more than the plain one has. What makes it is told the broker's directory.
    pub fn start_with(extras: impl FnOnce(&Path, &Ports) -> Extras) -> Self {
        let ports = Ports::free(1);
        let node = Node::prepare(0, &ports, |dir| extras(dir, &ports[0]));
        Self::start_nodes(&ports, vec![node])
    }

    /// Several nodes, each with every partition.
    pub fn start_cluster(nodes: usize) -> Self {
        let ports = Ports::free(nodes);
        let nodes = (0..nodes).map(|index| Node::prepare(index, &ports, |_| Extras::default())).collect();
        Self::start_nodes(&ports, nodes)
    }

    fn start_nodes(ports: &[Ports], mut nodes: Vec<Node>) -> Self {
        let starting: Vec<_> = nodes.iter_mut().map(Node::start).collect();
        starting.into_iter().for_each(|await_start| await_start());
        let addresses: Vec<_> = ports.iter().map(|ports| format!("127.0.0.1:{}", ports.clients)).collect();
        Self { brokers: addresses.join(","), nodes, beside: ports[0].beside.to_vec() }
    }

    /// SIGKILL; what it had written stays.
    pub fn kill(&mut self) {
        self.kill_node(1);
    }

    /// The same broker again after [`RealKafka::kill`].
    pub fn start_again(&mut self) {
        self.start_node(1);
    }

    /// The node with this id, counted from one. Only of a broker of its own.
    pub fn kill_node(&mut self, id: i32) {
        self.nodes[id as usize - 1].kill();
    }

    pub fn start_node(&mut self, id: i32) {
        self.nodes[id as usize - 1].start()();
    }

    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The directory of its first node, which is gone when the broker is. Only of a broker of its own.
    pub fn dir(&self) -> &Path {
        self.nodes[0].dir()
    }

    /// Creates a topic and waits until it has leaders.
    pub async fn create_topic(&self, name: &str, partitions: i32) {
        self.create_topic_with(name, partitions, &[]).await;
    }

    /// The same, with properties of its own.
    pub async fn create_topic_with(&self, name: &str, partitions: i32, properties: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = client(&self.brokers).create().unwrap();
        let replicas = self.nodes.len().max(1) as i32;
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
        topic.config.extend_from_slice(properties);
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
        let results = admin.create_topics([&topic], &options).await.unwrap();
        for result in results {
            result.unwrap_or_else(|(topic, code)| panic!("create {topic}: {code}"));
        }
    }
}

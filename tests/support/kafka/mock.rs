//! librdkafka's mock cluster, with groups that form at once.

use rdkafka::{
    ClientConfig,
    mocking::MockCluster,
    producer::{BaseProducer, DefaultProducerContext, Producer as _},
};

pub struct Mock {
    owner: BaseProducer,
}

impl Mock {
    /// One broker.
    pub fn start() -> Self {
        let owner: BaseProducer = ClientConfig::new().set("test.mock.num.brokers", "1").create().unwrap();
        // SAFETY: the producer owns the cluster and both live.
        unsafe {
            let cluster = rdkafka_sys::rd_kafka_handle_mock_cluster(owner.client().native_ptr());
            rdkafka_sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
        Self { owner }
    }

    pub fn cluster(&self) -> MockCluster<'_, DefaultProducerContext> {
        self.owner.client().mock_cluster().expect("made with one")
    }

    pub fn brokers(&self) -> String {
        self.cluster().bootstrap_servers()
    }

    pub fn create_topic(&self, name: &str, partitions: i32) {
        self.cluster().create_topic(name, partitions, 1).unwrap();
    }
}

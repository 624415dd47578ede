//! One route: a topic and the worker's path. What is known of it, and from which end its queue is taken.

use crate::control::{
    estimator::Estimators,
    settings::{ControlSettings, QueueOrder},
};

/// Losses above which `auto` turns to the new end, and below which it comes back. In deep overload the old end is
/// where records are about to expire, and an estimate that is a little off wastes whole batches on them.
const DEEP: f64 = 0.12;
const SHALLOW: f64 = 0.04;
/// While the newest go first, one batch in so many still comes from the old end: nothing starves silently.
const OLD_END_EVERY: u32 = 50;

/// In which order waiting records are looked at for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Arrival,
    Deadline,
    Newest,
}

/// How much the newest batch counts in what is usual.
const USUAL_GAIN: f64 = 0.1;
/// How far batches may be from those that measures are put in relation to: a factor, and a share.
const LEFT: f64 = 1.5;
const SHARE_LEFT: f64 = 0.25;

/// What a batch of the route is like.
#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    records: f64,
    bytes: f64,
    /// The share of the batches that are of this route, 0 to 1, smoothed over some ten.
    share: f64,
}

impl Usual {
    fn seconds(&self, known: &Estimators) -> (f64, f64) {
        if self.records <= 0.0 {
            return (0.0, 0.0);
        }
        (known.batch_time.seconds(self.records.round().max(1.0) as u32, self.bytes as u64), self.share)
    }
}

#[derive(Debug, Clone)]
pub struct Route {
    topic: Box<str>,
    pub known: Estimators,
    usual: Usual,
    /// The same at the time when measures were last put in relation to it.
    reference: Usual,
    order: QueueOrder,
    newest_first: bool,
    batches: u32,
}

impl Route {
    pub fn new(settings: &ControlSettings, topic: &str) -> Self {
        let known = Estimators::default();
        let (usual, reference) = (Usual::default(), Usual::default());
        Self {
            topic: topic.into(),
            known,
            usual,
            reference,
            order: settings.queue_order,
            newest_first: false,
            batches: 0,
        }
    }

    /// A batch of some route has settled; `this` is what it held if the route was this one.
    pub fn batch(&mut self, this: Option<(u32, u64)>) {
        let Usual { records, bytes, share } = &mut self.usual;
        *share += USUAL_GAIN * (f64::from(u8::from(this.is_some())) - *share);
        let Some((new_records, new_bytes)) = this else { return };
        let gain = if *records > 0.0 { USUAL_GAIN } else { 1.0 };
        *records += gain * (f64::from(new_records) - *records);
        *bytes += gain * (new_bytes as f64 - *bytes);
    }

    /// Seconds that a usual batch should take as the worker is now, and the share of the batches that are this route's.
    pub fn usual_s(&self) -> (f64, f64) {
        self.usual.seconds(&self.known)
    }

    /// The same for the batch that measures are put in relation to.
    pub fn reference_s(&self) -> (f64, f64) {
        self.reference.seconds(&self.known)
    }

    /// Whether batches have become quite different from that one.
    pub fn has_left_reference(&self) -> bool {
        let (usual, reference) = (&self.usual, &self.reference);
        let apart = |a: f64, b: f64| a > LEFT * b || b > LEFT * a;
        apart(usual.records, reference.records)
            || apart(usual.bytes, reference.bytes)
            || (usual.share - reference.share).abs() > SHARE_LEFT
    }

    pub fn refer_to_usual(&mut self) {
        self.reference = self.usual;
    }

    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// `lost` of `settled` records missed their deadlines.
    pub fn settled(&mut self, settled: u32, lost: u32) {
        self.known.settled(settled, lost);
        let share = self.known.lost();
        self.newest_first = self.order == QueueOrder::Auto && share > if self.newest_first { SHALLOW } else { DEEP };
    }

    /// The order for the next batch.
    pub fn next_order(&mut self) -> Order {
        self.batches = self.batches.wrapping_add(1);
        match self.order {
            QueueOrder::Fifo => Order::Arrival,
            QueueOrder::Auto if self.newest_first && !self.batches.is_multiple_of(OLD_END_EVERY) => Order::Newest,
            QueueOrder::Auto | QueueOrder::Deadline => Order::Deadline,
        }
    }

    pub const fn is_newest_first(&self) -> bool {
        self.newest_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(queue_order: QueueOrder) -> Route {
        Route::new(&ControlSettings { queue_order, ..ControlSettings::default() }, "t")
    }

    #[test]
    fn auto_turns_to_the_new_end_in_deep_overload_and_back_when_little_is_lost() {
        let mut route = route(QueueOrder::Auto);
        assert_eq!(route.next_order(), Order::Deadline);
        route.settled(100, 50);
        assert_eq!(route.next_order(), Order::Newest);
        route.settled(150, 0);
        assert!(route.known.lost() > SHALLOW, "between the two it stays as it is");
        assert_eq!(route.next_order(), Order::Newest);
        route.settled(1000, 0);
        assert_eq!(route.next_order(), Order::Deadline);
    }

    #[test]
    fn the_old_end_gets_its_share_in_deep_overload() {
        let mut route = route(QueueOrder::Auto);
        route.settled(1000, 900);
        let old = (0..500).filter(|_| route.next_order() == Order::Deadline).count();
        assert_eq!(old, 10);
    }

    #[test]
    fn the_other_orders_do_not_turn() {
        let mut fifo = route(QueueOrder::Fifo);
        fifo.settled(1000, 900);
        assert_eq!(fifo.next_order(), Order::Arrival);
        let mut deadline = route(QueueOrder::Deadline);
        deadline.settled(1000, 900);
        assert_eq!(deadline.next_order(), Order::Deadline);
    }
}

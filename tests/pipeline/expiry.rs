use std::time::Duration;

use crate::{
    stage::{Stage, wall_ms},
    worker::Behaviour,
};

#[test]
fn of_twenty_five_live_and_ten_expired_records_exactly_the_ten_expire() {
    let stage = Stage::new("expired", 4, Behaviour::instant());
    let sidecar = stage.sidecar("only", &[]);
    (0..25).for_each(|number| stage.send(number, Some(wall_ms() + 3_600_000)));
    (25..35).for_each(|number| stage.send(number, Some(wall_ms() - 1)));
    stage.writer.flush();
    stage.await_delivered(25, Duration::from_secs(60));
    stage.await_no_lag(Duration::from_secs(10));

    let expired = sidecar.events("ttl_expired");
    assert_eq!(expired.len(), 10, "{expired:?}");
    assert!(expired.iter().all(|event| event["stage"] == "intake" && event["key"].as_str().is_some()));
    assert_eq!(stage.worker.books().entries, 25);
    println!("25 delivered, {} expired, lag 0", expired.len());
    assert!(sidecar.stop().0.success());
}

#[test]
fn what_expires_behind_a_slow_worker_never_reaches_it() {
    let stage = Stage::new("slow-expiry", 2, Behaviour::after(Duration::from_millis(400)));
    let sidecar = stage.sidecar("only", &[("BATCH_SIZE", "2"), ("QUEUE_WORKERS", "1")]);
    crate::sidecar::eventually("it is assigned", Duration::from_secs(30), || (sidecar.partitions() == 2).then_some(()));
    (0..25).for_each(|number| stage.send(number, Some(wall_ms() + 1500)));
    stage.writer.flush();
    stage.await_no_lag(Duration::from_secs(60));

    let entries = stage.worker.books().entries;
    let late = stage.worker.books().arrived_late;
    // Those that expired with the worker were sent in time and their answer was not waited for any longer.
    let (with_worker, unsent): (Vec<_>, Vec<_>) =
        sidecar.events("ttl_expired").into_iter().partition(|event| event["stage"] == "retry");
    let expired = unsent.len() as u64;
    assert!(expired > 0, "nothing expired");
    assert_eq!(entries + expired, 25, "{} expired with the worker", with_worker.len());
    assert_eq!(late, 0, "{late} records were sent after their deadline");
    println!("25 records with 1500 ms to live: {entries} delivered, {expired} expired in the queue, 0 sent late");
    assert!(sidecar.stop().0.success());
}

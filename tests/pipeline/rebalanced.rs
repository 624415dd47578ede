use std::time::Duration;

use crate::{sidecar::eventually, stage::Stage, worker::Behaviour};

const RECORDS: u64 = 120_000;
const VISITS: usize = 12;

#[test]
fn members_that_join_and_leave_under_load_lose_nothing_and_repeat_almost_nothing() {
    let stage = Stage::new("rebalanced", 12, Behaviour::after(Duration::from_millis(8)));
    let flags = [("QUEUE_WORKERS", "4")];
    let first = stage.sidecar("first", &flags);
    stage.fill(RECORDS);
    let mut violations = 0.0;
    for visit in 0..VISITS {
        let guests: Vec<_> = (0..1 + visit % 2).map(|n| stage.sidecar(&format!("guest-{n}"), &flags)).collect();
        eventually("every guest has partitions", Duration::from_secs(60), || {
            let has_some = |state: serde_json::Value| !state["partitions"].as_array().is_none_or(Vec::is_empty);
            guests.iter().all(|guest| guest.state().is_some_and(has_some)).then_some(())
        });
        for guest in guests {
            violations += guest.metric("sluicegate_invariant_violations_total").unwrap();
            let (status, took) = guest.stop();
            assert!(status.success(), "{status}");
            assert!(took < Duration::from_secs(10), "{took:?} to leave");
        }
    }
    let during = stage.worker.books().distinct();
    stage.await_no_lag(Duration::from_secs(180));
    assert_eq!(stage.missing(), Vec::<String>::new());
    let duplicates = stage.worker.books().duplicates();
    assert!(duplicates * 100 <= RECORDS, "{duplicates} duplicates");
    violations += first.metric("sluicegate_invariant_violations_total").unwrap();
    assert_eq!(violations, 0.0);
    println!(
        "{RECORDS} records, {VISITS} visits ({during} records delivered by then): 0 missing, {duplicates} duplicates"
    );
    assert!(first.stop().0.success());
}

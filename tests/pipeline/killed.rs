use std::time::Duration;

use crate::{sidecar::eventually, stage::Stage, worker::Behaviour};

const RECORDS: u64 = 50_000;
const KILLS: usize = 10;

#[test]
fn ten_sigkills_at_random_moments_lose_nothing_and_repeat_only_what_was_uncommitted() {
    let stage = Stage::new("killed", 8, Behaviour::after(Duration::from_millis(3)));
    // Static membership: the one that comes back takes its place at once instead of waiting for a session timeout.
    let flags = [("KAFKA_GROUP_INSTANCE_ID", "one"), ("COMMIT_INTERVAL_MS", "200"), ("QUEUE_WORKERS", "4")];
    stage.fill(RECORDS);
    let (mut uncommitted, mut seed) = (0, 7);
    for kill in 0..KILLS {
        let sidecar = stage.sidecar("victim", &flags);
        let before = stage.worker.books().distinct();
        seed = seed * 1_103_515_245 % 2_147_483_647;
        let after = 500 + seed % 4_000;
        eventually(&format!("{after} records before kill {kill}"), Duration::from_secs(60), || {
            (stage.worker.books().distinct() >= before + after).then_some(())
        });
        sidecar.kill();
        eventually("the worker is idle", Duration::from_secs(10), || {
            (stage.worker.books().in_flight == 0).then_some(())
        });
        let committed: i64 = stage.committed().iter().sum();
        uncommitted += stage.worker.books().distinct() as i64 - committed;
    }
    let sidecar = stage.sidecar("last", &flags);
    stage.await_no_lag(Duration::from_secs(120));
    assert_eq!(stage.missing(), Vec::<String>::new());
    let duplicates = stage.worker.books().duplicates() as i64;
    assert!(duplicates <= uncommitted, "{duplicates} duplicates, {uncommitted} uncommitted at the kills");
    println!("{RECORDS} records, {KILLS} SIGKILLs: 0 missing, {duplicates} duplicates of {uncommitted} uncommitted");
    assert!(sidecar.stop().0.success());
}

//! Panics on purpose, in each of the threads and in a task, in a build that unwinds.

use std::time::{Duration, Instant};

use sluicegate::lifecycle::Exit;

use crate::{
    judge::{Repeats, Rules},
    protocol::lasting_name,
    sidecar::eventually,
    stage::Stage,
    worker::Behaviour,
};

/// Where, and whose name the log says.
const PLACES: [(&str, &str); 4] =
    [("panic_poll", "kafka-poll"), ("panic_driver", "main"), ("panic_call", "main"), ("panic_admin", "admin")];
const RECORDS_A_PANIC: u64 = 5_000;
/// From the line that says so.
const WITHIN: Duration = Duration::from_secs(5);

#[test]
fn a_panic_of_any_thread_or_task_ends_the_process_with_its_code_and_loses_nothing() {
    let mut stage = Stage::new("panics", 8, Behaviour::after(Duration::from_millis(5)));
    let flags = [&[("QUEUE_WORKERS", "4"), ("COMMIT_INTERVAL_MS", "200")], lasting_name()].concat();
    stage.watch_commits();
    stage.fill(RECORDS_A_PANIC);
    for (turn, (place, thread)) in (1..).zip(PLACES) {
        stage.fill_from(turn * RECORDS_A_PANIC, RECORDS_A_PANIC);
        let planted = [&flags[..], &[(sluicegate::planted::VARIABLE, place)]].concat();
        let mut sidecar = stage.sidecar(place, &planted);
        eventually(place, Duration::from_secs(60), || (!sidecar.events("panicked").is_empty()).then_some(()));
        let start = Instant::now();
        eventually(&format!("{place} ends the process"), WITHIN, || (!sidecar.is_running()).then_some(()));
        let took = start.elapsed();
        let told = sidecar.events("panicked");
        assert!(told.len() == 1 && told[0]["thread"] == thread, "{told:?}");
        let (status, _) = sidecar.wait(WITHIN);
        assert_eq!(status.code(), Some(Exit::ContractBroken.code()), "{place}: {status}");
        stage.killed();
        println!("{place}: told by {thread}, ended with {:?} after {:.1} s", status.code(), took.as_secs_f64());
    }
    let last = stage.sidecar("last", &flags);
    stage.await_no_lag(Duration::from_secs(120));
    let verdict = stage.verdict_by(&Rules::repeats(Repeats::Uncommitted));
    verdict.holds();
    let records = (PLACES.len() as u64 + 1) * RECORDS_A_PANIC;
    assert_eq!((verdict.produced, verdict.done), (records, records));
    println!("{records} records, {} panics: 0 missing, {} done again", PLACES.len(), verdict.repeats);
    assert!(last.stop().0.success());
}

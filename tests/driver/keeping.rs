//! What is learnt is handed over while it runs and at the end, and a next run begins with it.

use std::time::Duration;

use sluicegate::{
    control::{
        knobs::{KnobName, Reason},
        learned::{Learned, STALE_AFTER_MS},
        settings::{Adaptive, ControlSettings},
    },
    engine::settings::EngineSettings,
    runtime::{handle::Request, keeping},
};
use tokio::time::Instant;

use crate::endless::{Feed, Rig, WALL};

const SECOND: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_secs(30);

/// Runs a minute and drains; what was handed over, with the second it was.
async fn first_run() -> Vec<(u64, Learned)> {
    let mut rig = Rig::new(EngineSettings::default(), Feed::BACKLOG);
    let (keeping, mut writing) = keeping::channel(EVERY);
    rig.driver.keep_with(keeping);
    let start = Instant::now();
    let mut kept = Vec::new();
    let ask = async {
        tokio::time::sleep(70 * SECOND).await;
        rig.requests.send(Request::Drain { timeout: 25 * SECOND }).await.unwrap();
        std::future::pending::<()>().await;
    };
    let write = async {
        while let Some(learned) = writing.learned.recv().await {
            kept.push((start.elapsed().as_secs(), learned));
            writing.done.send(Ok(())).await.unwrap();
        }
    };
    tokio::select! {
        ended = rig.driver.run() => ended.unwrap(),
        () = ask => {}
        () = write => {}
    }
    let written = rig.told.borrow().notes.iter().filter(|note| *note == "Kept(Ok(()))").count();
    assert_eq!(written, kept.len());
    kept
}

fn second_run(earlier: &Learned) -> Rig {
    let mut rig = Rig::new(EngineSettings::default(), Feed::BACKLOG);
    let (mut keeping, _) = keeping::channel(EVERY);
    rig.driver.remember(earlier, &mut keeping);
    rig
}

#[tokio::test(start_paused = true)]
async fn what_is_learnt_is_kept_twice_a_minute_and_at_the_end_and_a_restart_begins_there() {
    let kept = first_run().await;
    let seconds: Vec<u64> = kept.iter().map(|(second, _)| *second).collect();
    assert!(matches!(seconds[..], [30, 60, 70 | 71]), "{seconds:?}");
    let earlier = Learned { saved_at_ms: WALL.0 - 1000, ..kept.last().unwrap().1.clone() };
    assert_eq!(earlier.routes.len(), 1);
    assert!(earlier.routes[0].batch_records > 50, "{earlier:?}");

    let mut again = second_run(&earlier);
    again.run_for(SECOND).await;
    let mut cold = Rig::new(EngineSettings::default(), Feed::BACKLOG);
    cold.run_for(SECOND).await;
    let told = again.told.borrow();
    let recalled = told.moves.iter().map(|(decision, _)| decision).filter(|move_| move_.reason == Reason::Recalled);
    let batch = recalled.clone().find(|decision| decision.knob == KnobName::BatchSize).expect("the batch size moves");
    // Seven tenths of it: the worker may have changed while nobody looked.
    assert_eq!(batch.to(), (0.7 * f64::from(earlier.routes[0].batch_records)).ceil());
    assert!(told.notes[0].starts_with("Recalled { routes: 1"), "{:?}", told.notes);
    let (warm, cold) = (told.completed, cold.told.borrow().completed);
    println!("first second: {warm} records with what was kept, {cold} without");
    assert!(warm > cold, "{warm} {cold}");
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_or_of_another_version_is_ignored_with_the_reason() {
    let kept = first_run().await;
    let earlier = Learned { saved_at_ms: WALL.0, ..kept.last().unwrap().1.clone() };
    let stale = Learned { saved_at_ms: WALL.0 - STALE_AFTER_MS, ..earlier.clone() };
    let foreign = Learned { version: 99, ..earlier.clone() };
    for (learned, reason) in [(stale, "stale"), (foreign, "foreign_version")] {
        let mut rig = second_run(&learned);
        rig.run_for(SECOND / 10).await;
        let told = rig.told.borrow();
        assert!(told.notes[0].contains(&format!("NotRecalled {{ reason: \"{reason}\"")), "{:?}", told.notes);
        assert_eq!(rig.sizes(0)[0], 1, "it begins as if nothing were there");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_told_and_the_run_goes_on() {
    let mut rig = Rig::new(EngineSettings::default(), Feed::BACKLOG);
    let (keeping, mut writing) = keeping::channel(EVERY);
    rig.driver.keep_with(keeping);
    let write = async {
        writing.learned.recv().await.unwrap();
        writing.done.send(Err("no space left".to_owned())).await.unwrap();
        // The next one is never answered.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = rig.run_for(100 * SECOND) => {}
        () = write => {}
    }
    let told = rig.told.borrow();
    assert_eq!(told.notes[0], "Kept(Err(\"no space left\"))");
    assert!(told.notes[1].contains("has not answered"), "{:?}", told.notes);
    assert!(told.completed > 50_000, "{}", told.completed);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_where_nothing_is_tuned() {
    let control = ControlSettings { adaptive: Adaptive::Off, ..ControlSettings::default() };
    let mut rig = Rig::new(EngineSettings { control, ..EngineSettings::default() }, Feed::BACKLOG);
    let (keeping, mut writing) = keeping::channel(EVERY);
    rig.driver.keep_with(keeping);
    rig.run_for(100 * SECOND).await;
    assert!(writing.learned.try_recv().is_err());
}

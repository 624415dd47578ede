use super::{problem, settings};
use crate::control::settings::{Adaptive, ControlSettings, QueueOrder, Range, TtlMode};

fn control(env: &[(&str, &str)]) -> ControlSettings {
    settings(env).engine.control
}

#[test]
fn what_was_left_alone_is_tuned_and_what_was_set_stays() {
    assert_eq!(control(&[]), ControlSettings::default());
    let set = control(&[("QUEUE_WORKERS", "100"), ("BATCH_SIZE", "7"), ("BATCH_TIMEOUT_MS", "300")]);
    assert_eq!((set.concurrency, set.batch_records), (Range::pinned(100), Range::pinned(7)));
    assert_eq!(set.linger_ms, Range::pinned(300));
    assert_eq!(control(&[("PAUSE_THRESHOLD_PCT", "80")]).pause_pct, Range::pinned(80.0), "even at its default");
    assert_eq!(control(&[("ENABLE_MICROBATCH", "false")]).batch_records, Range::pinned(1));
}

#[test]
fn a_value_with_a_bound_beside_it_is_where_tuning_starts() {
    let both = control(&[("QUEUE_WORKERS", "8"), ("QUEUE_WORKERS_MIN", "4"), ("QUEUE_WORKERS_MAX", "16")]);
    assert_eq!(both.concurrency, Range::new(8, 4, 16));
    assert_eq!(control(&[("QUEUE_WORKERS", "100"), ("QUEUE_WORKERS_MIN", "4")]).concurrency, Range::new(100, 4, 100));
    assert_eq!(control(&[("QUEUE_WORKERS_MIN", "4")]).concurrency, Range::new(4, 4, 64), "the start is moved");
    assert_eq!(control(&[("BATCH_SIZE_MAX", "9")]).batch_records, Range::new(1, 1, 9));
    assert_eq!(control(&[("BATCH_SIZE", "5"), ("BATCH_SIZE_MAX", "9")]).batch_records, Range::new(5, 1, 9));
}

#[test]
fn a_state_directory_that_cannot_be_used_is_named_with_its_origin() {
    assert_eq!(settings(&[("STATE_DIR", "/tmp")]).state_dir, Some("/tmp".into()));
    for (dir, what) in [
        ("/tmp/no such place", "does not exist"),
        ("/etc/passwd", "is not a directory"),
        ("/proc/self", "cannot be written to: "),
    ] {
        let problem = problem(&[("STATE_DIR", dir)]);
        assert!(problem.key == "STATE_DIR" && problem.what.starts_with(what), "{problem}");
        assert_eq!(problem.given.as_deref(), Some(dir));
    }
}

#[test]
fn a_batch_is_never_tuned_beyond_what_the_queue_holds() {
    assert_eq!(control(&[("QUEUE_MAXSIZE", "40")]).batch_records, Range::new(1, 1, 40));
    let unbounded = control(&[("QUEUE_MAXSIZE", "40"), ("USE_BOUNDED_QUEUE", "false")]);
    assert_eq!(unbounded.batch_records, Range::new(1, 1, 256));
    assert_eq!(problem(&[("BATCH_SIZE_MAX", "1000")]).key, "BATCH_SIZE_MAX");
}

#[test]
fn bounds_that_contradict_one_another_are_named() {
    for (env, key) in [
        (vec![("QUEUE_WORKERS_MIN", "65")], "QUEUE_WORKERS_MIN"),
        (vec![("QUEUE_WORKERS_MAX", "1"), ("QUEUE_WORKERS_MIN", "2")], "QUEUE_WORKERS_MIN"),
        (vec![("QUEUE_WORKERS", "9"), ("QUEUE_WORKERS_MAX", "8")], "QUEUE_WORKERS"),
        (vec![("BATCH_SIZE", "2"), ("BATCH_SIZE_MIN", "3")], "BATCH_SIZE"),
        (vec![("BATCH_TIMEOUT_MS_MIN", "251")], "BATCH_TIMEOUT_MS_MIN"),
        (vec![("RESUME_THRESHOLD_PCT_MIN", "60")], "RESUME_THRESHOLD_PCT_MIN"),
    ] {
        assert_eq!(problem(&env).key, key, "{env:?}");
    }
}

#[test]
fn modes_that_need_one_another_say_so() {
    let predictive = control(&[("TTL_MODE", "predictive"), ("QUEUE_ORDER", "auto")]);
    assert_eq!((predictive.ttl_mode, predictive.queue_order), (TtlMode::Predictive, QueueOrder::Auto));
    assert_eq!(control(&[("QUEUE_ORDER", "deadline")]).queue_order, QueueOrder::Deadline);
    assert_eq!(control(&[("ADAPTIVE", "shadow")]).adaptive, Adaptive::Shadow);
    for (env, key) in [
        (vec![("TTL_MODE", "predictive"), ("ADAPTIVE", "off")], "TTL_MODE"),
        (vec![("TTL_MODE", "predictive"), ("ENABLE_TTL", "false")], "TTL_MODE"),
        (vec![("QUEUE_ORDER", "auto"), ("ORDERING", "key")], "QUEUE_ORDER"),
        (vec![("QUEUE_ORDER", "deadline"), ("ADAPTIVE", "shadow")], "QUEUE_ORDER"),
    ] {
        assert_eq!(problem(&env).key, key, "{env:?}");
    }
}

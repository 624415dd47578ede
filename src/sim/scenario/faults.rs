//! Faults in a scenario: a kind by name, and the numbers that kind needs.

use std::time::Duration;

use crate::{
    record::PartitionId,
    sim::fault::{self, CommitMood, Kind, Set, SinkMood, WorkerMood},
    time::Instant,
};

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    at_ms: u64,
    #[serde(default)]
    lasts_ms: u64,
    kind: String,
    /// All of them when it is not given.
    partitions: Option<Vec<u32>>,
    partition: Option<u32>,
    retry_after_ms: Option<u64>,
    times: Option<u32>,
    ms: Option<i64>,
    pct: Option<u32>,
    bytes: Option<u64>,
}

impl Fault {
    /// # Errors
    /// A kind nobody knows, or a number it needs and does not have.
    pub fn read(&self) -> Result<fault::Fault, String> {
        let lasts = Duration::from_millis(self.lasts_ms);
        Ok(fault::Fault { at: Instant::from_millis(self.at_ms), lasts, kind: self.kind()? })
    }

    fn kind(&self) -> Result<Kind, String> {
        Ok(match self.kind.as_str() {
            "busy" => Kind::Worker(WorkerMood::Busy { retry_after: self.retry_after_ms.map(Duration::from_millis) }),
            "away" => Kind::Worker(WorkerMood::Away),
            "failing" => Kind::Worker(WorkerMood::Failing),
            "refusing" => Kind::Worker(WorkerMood::Refusing),
            "misconfigured" => Kind::Worker(WorkerMood::Misconfigured),
            "hanging" => Kind::Worker(WorkerMood::Hanging),
            "slow" => Kind::Worker(WorkerMood::Slow { times: self.need("times", self.times)? }),
            "small" => Kind::Worker(WorkerMood::Small { bytes: self.need("bytes", self.bytes)? }),
            "letters_fail" => Kind::Sink(SinkMood::Failing),
            "letters_slow" => Kind::Sink(SinkMood::Slow { times: self.need("times", self.times)? }),
            "commits_fail" => Kind::Commits(CommitMood::Failing),
            "commits_applied_but_fail" => Kind::Commits(CommitMood::AppliedButFailing),
            "commits_unanswered" => Kind::Commits(CommitMood::Unanswered),
            "commits_applied_but_unanswered" => Kind::Commits(CommitMood::AppliedButUnanswered),
            "commits_slow" => Kind::Commits(CommitMood::Slow { times: self.need("times", self.times)? }),
            "revoke" => Kind::Revoke(self.set()),
            "lost" => Kind::Lost(self.set()),
            "leader_away" => Kind::LeaderAway(self.set()),
            "wall_jump" => Kind::WallJump { ms: self.need("ms", self.ms)? },
            "retention" => Kind::Retention { partition: self.one()?, pct: self.need("pct", self.pct)? },
            "rewind" => Kind::Rewind { partition: self.one()?, pct: self.pct.unwrap_or(0) },
            "stall" => Kind::Stall(self.one()?),
            "slow_fetch" => Kind::SlowFetch { times: self.need("times", self.times)? },
            "crash" => Kind::Crash,
            "restart" => Kind::Restart,
            other => return Err(format!("there is no fault called {other:?}")),
        })
    }

    fn need<T>(&self, name: &str, given: Option<T>) -> Result<T, String> {
        given.ok_or_else(|| format!("the fault {:?} needs {name}", self.kind))
    }

    fn one(&self) -> Result<PartitionId, String> {
        self.need("partition", self.partition.map(PartitionId))
    }

    fn set(&self) -> Set {
        let bit = |id: &u32| 1u64.checked_shl(*id).unwrap_or(0);
        self.partitions.as_ref().map_or(Set::ALL, |ids| Set(ids.iter().map(bit).fold(0, |set, bit| set | bit)))
    }
}

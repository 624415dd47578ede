//! Whether there are enough file descriptors: asked once, at the start.
//!
//! Without enough of them connections fail one by one, here and there, and the probes are the first that do not answer.
//! So what cannot work is refused, and what might not in the worst case is said, as with [`super::memory`].

use std::path::Path;

use super::memory::Verdict;

/// Both runtimes, the signals, the listener for the admin, and what the consumer has beside its brokers: counted.
const OWN: u64 = 15;
/// The address it begins with, and the broker behind it.
const EACH_BROKER: u64 = 4;
const PRODUCER: u64 = 3;
const PRODUCER_EACH_BROKER: u64 = 2;
/// A listener, and a runtime of its own.
const INGRESS: u64 = 5;
/// What comes and goes: a name that is looked up, a connection that takes another's place, a file.
const SPARE: u64 = 4;

/// What takes descriptors.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// Addresses in `KAFKA_BROKERS`.
    pub brokers: u64,
    /// Whether there is a producer for them.
    pub dead_letters: bool,
    /// `PROBE_ADDR`
    pub probe: bool,
    /// Connections of each listener of the admin at most.
    pub visits: u64,
    /// Connections of callers at most, where requests are taken.
    pub callers: Option<u64>,
    /// Calls in flight at most.
    pub calls: u64,
}

/// What there is.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub limit: u64,
    /// Taken already: standard error, and whatever was inherited.
    pub taken: u64,
}

impl Needs {
    /// For one call, one visit and one caller at a time.
    fn least(&self) -> u64 {
        let producer = if self.dead_letters { PRODUCER + PRODUCER_EACH_BROKER * self.brokers } else { 0 };
        let ingress = if self.callers.is_some() { INGRESS + 1 } else { 0 };
        OWN + EACH_BROKER * self.brokers + producer + ingress + u64::from(self.probe) + SPARE + 2
    }

    /// Every bound reached at once.
    fn most(&self) -> u64 {
        let visits = self.visits * (1 + u64::from(self.probe));
        let each = [visits, self.calls, self.callers.unwrap_or(1)];
        each.into_iter().fold(self.least(), |sum, bound| sum.saturating_add(bound.saturating_sub(1)))
    }

    pub fn judge(&self, room: Option<Room>) -> Verdict {
        let Some(Room { limit, taken }) = room else { return Verdict::Fits };
        let (least, most) = (taken + self.least(), taken.saturating_add(self.most()));
        let next = "raise the limit (ulimit -n, LimitNOFILE=, --ulimit nofile=)";
        if least > limit {
            return Verdict::TooSmall(format!(
                "the limit of file descriptors is {limit}, and it takes {least}: {taken} are open, {} for the brokers, the rest for the worker, the probes and the process; {next}",
                self.brokers * EACH_BROKER
            ));
        }
        if most > limit {
            return Verdict::Tight(format!(
                "the limit of file descriptors is {limit}: {least} are enough, but with every bound reached at once it would be {most} ({} calls in flight, {} connections to each listener of the admin{}); {next}, or lower QUEUE_WORKERS_MAX{}",
                self.calls,
                self.visits,
                self.callers.map(|callers| format!(", {callers} of callers")).unwrap_or_default(),
                if self.callers.is_some() { " or INGRESS_CONNECTIONS_MAX" } else { "" },
            ));
        }
        Verdict::Fits
    }
}

/// `None` where there is no limit or it cannot be read.
pub fn room() -> Option<Room> {
    let limit = soft_limit(&std::fs::read_to_string("/proc/self/limits").ok()?)?;
    Some(Room { limit, taken: open_below(limit, Path::new("/proc/self/fd"))? })
}

/// `Max open files   1024   524288   files`
fn soft_limit(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

/// A number at or above the limit, inherited from before it was lowered, takes nobody's place.
fn open_below(limit: u64, dir: &Path) -> Option<u64> {
    let names = std::fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok());
    // One of them reads the directory.
    Some((names.filter(|number| *number < limit).count() as u64).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs = Needs { brokers: 1, dead_letters: false, probe: false, visits: 64, callers: None, calls: 64 };

    fn judged(needs: Needs, limit: u64) -> Verdict {
        needs.judge(Some(Room { limit, taken: 3 }))
    }

    #[test]
    fn what_cannot_work_is_refused_and_what_might_not_is_said() {
        assert_eq!(NEEDS.judge(None), Verdict::Fits);
        assert_eq!(judged(NEEDS, 154), Verdict::Fits);
        let Verdict::Tight(said) = judged(NEEDS, 153) else { panic!() };
        assert!(said.contains("is 153: 28 are enough") && said.contains("would be 154"), "{said}");
        assert!(matches!(judged(NEEDS, 28), Verdict::Tight(_)));
        let Verdict::TooSmall(said) = judged(NEEDS, 27) else { panic!() };
        assert!(said.contains("is 27, and it takes 28: 3 are open, 4 for the brokers") && said.contains("ulimit -n"));
    }

    #[test]
    fn whatever_listens_connects_or_is_listed_is_counted() {
        let least = |needs: Needs| needs.least() - NEEDS.least();
        assert_eq!(least(Needs { brokers: 3, ..NEEDS }), 8);
        assert_eq!(least(Needs { dead_letters: true, ..NEEDS }), 5);
        assert_eq!(least(Needs { brokers: 3, dead_letters: true, ..NEEDS }), 8 + 9);
        assert_eq!(least(Needs { probe: true, ..NEEDS }), 1);
        assert_eq!(least(Needs { callers: Some(1024), ..NEEDS }), 6);
        let most = |needs: Needs| needs.most() - NEEDS.most();
        assert_eq!(most(Needs { probe: true, ..NEEDS }), 1 + 64);
        assert_eq!(most(Needs { callers: Some(1024), ..NEEDS }), 5 + 1024);
    }

    #[test]
    fn the_limit_is_the_one_in_force_and_only_what_is_below_it_is_counted() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(text), Some(1024));
        assert_eq!(soft_limit("Max open files            unlimited            unlimited            files\n"), None);
        assert_eq!(soft_limit(""), None);
        let dir = tempfile::tempdir().unwrap();
        ["0", "1", "2", "5", "251", "x"].iter().for_each(|name| std::fs::write(dir.path().join(name), "").unwrap());
        assert_eq!(open_below(64, dir.path()), Some(3));
        assert_eq!(open_below(64, &dir.path().join("gone")), None);
        assert!(room().is_some_and(|room| room.taken >= 3 && room.taken < room.limit));
    }
}

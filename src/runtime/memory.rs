//! Whether what the settings allow fits into the memory there is: asked once, at the start.
//!
//! A bound that is met only under load would end as a kill by the kernel, which loses nothing and explains nothing. So
//! what cannot work at all is refused, and what might not in the worst case is said. Not in the sum, because nobody knows
//! yet how many partitions there will be: 16 bytes for each record between a partition's frontier and what was polled of
//! it, of which `MAX_UNCOMMITTED_SPAN` is the bound.

use std::{fmt::Write as _, path::Path};

const MIB: u64 = 1 << 20;

/// The process, librdkafka, TLS, lines of the log.
const PROCESS: u64 = 20 * MIB;

/// Beyond this a limit is none (cgroup v1 says "no limit" with a number of pages close to 2^63).
const NO_LIMIT: u64 = 1 << 60;

/// The bounds that cost memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// `PREFETCH_MAX_BYTES`, and one fetch response. While a poll's worth of large records waits for byte credit, the
    /// client may fetch as much again.
    pub prefetch: u64,
    /// Bodies of requests that are being read.
    pub ingress: u64,
    /// `QUEUE_MAX_BYTES`
    pub queue: u64,
    /// `BATCH_MAX_BYTES`
    pub batch: u64,
    /// `RESPONSE_MAX_BYTES`
    pub response: u64,
    /// Calls in flight at most.
    pub calls: u32,
}

/// What the limit means for the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Fits,
    /// Every bound reached at once would not fit.
    Tight(String),
    /// Not even what is always needed fits.
    TooSmall(String),
}

impl Needs {
    /// One call: its records, and the request they are written into (4/3 where they are not JSON), and the answer.
    fn call(&self) -> u64 {
        self.batch.saturating_mul(7) / 3 + self.response
    }

    /// Reached as soon as there is a backlog.
    fn least(&self) -> u64 {
        [PROCESS, self.prefetch, self.queue, self.call()].into_iter().fold(0, u64::saturating_add)
    }

    /// Every bound reached at once.
    fn most(&self) -> u64 {
        let calls = u64::from(self.calls.max(1));
        let retries = self.queue.saturating_add(calls.saturating_mul(self.batch));
        let others = self.call().saturating_mul(calls - 1);
        [self.least(), others, retries, self.prefetch, self.ingress].into_iter().fold(0, u64::saturating_add)
    }

    pub fn judge(&self, limit: Option<u64>) -> Verdict {
        let Some(limit) = limit else { return Verdict::Fits };
        let (least, most) = (self.least(), self.most());
        if least > limit {
            let next =
                "raise the limit, or lower QUEUE_MAX_BYTES, PREFETCH_MAX_BYTES, BATCH_MAX_BYTES or RESPONSE_MAX_BYTES";
            let text = format!(
                "the memory limit is {}, and a backlog takes {}: {}; {next}",
                mib(limit),
                mib(least),
                self.parts()
            );
            return Verdict::TooSmall(text);
        }
        if most > limit {
            let text = format!(
                "the memory limit is {}: a backlog takes {}, but with every bound reached at once it would be {} ({} calls in flight, as much waiting for a retry as queued, as much again fetched ahead); lower QUEUE_WORKERS_MAX, BATCH_MAX_BYTES or QUEUE_MAX_BYTES, or raise the limit",
                mib(limit),
                mib(least),
                mib(most),
                self.calls,
            );
            return Verdict::Tight(text);
        }
        Verdict::Fits
    }

    fn parts(&self) -> String {
        let mut text = format!("the process {}", mib(PROCESS));
        for (name, bytes) in [("fetched ahead", self.prefetch), ("queue", self.queue), ("one call", self.call())] {
            let _ = write!(text, ", {name} {}", mib(bytes));
        }
        text
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / MIB as f64)
}

/// The tightest limit of this process's cgroup and the ones above it; `None` when there is none or it cannot be read.
pub fn limit() -> Option<u64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_below(Path::new("/sys/fs/cgroup"), &own)
}

fn limit_below(root: &Path, own: &str) -> Option<u64> {
    own.lines().filter_map(|line| limit_of(root, line)).min()
}

/// `0::/path` is the unified hierarchy, `7:memory:/path` the older one.
fn limit_of(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
    let (top, file) = match controllers {
        "" => (root.to_owned(), "memory.max"),
        named if named.split(',').any(|name| name == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
        _ => return None,
    };
    // In a container the path may be the host's, and only the top is there.
    let each = Path::new(path).ancestors().filter_map(|dir| std::fs::read_to_string(top.join(dir).join(file)).ok());
    each.filter_map(|text| text.trim().parse().ok()).filter(|bytes| *bytes < NO_LIMIT).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs =
        Needs { prefetch: 8 * MIB, ingress: 0, queue: 16 * MIB, batch: 3 * MIB, response: MIB, calls: 3 };

    #[test]
    fn what_cannot_work_is_refused_and_what_might_not_is_said() {
        assert_eq!(NEEDS.judge(None), Verdict::Fits);
        assert_eq!(NEEDS.judge(Some(128 * MIB)), Verdict::Fits);
        let Verdict::Tight(said) = NEEDS.judge(Some(64 * MIB)) else { panic!() };
        assert!(said.contains("64.0 MiB") && said.contains("52.0 MiB") && said.contains("101.0 MiB"), "{said}");
        let asked = Needs { ingress: 16 * MIB, ..NEEDS };
        let Verdict::Tight(said) = asked.judge(Some(64 * MIB)) else { panic!() };
        assert!(said.contains("52.0 MiB") && said.contains("117.0 MiB"), "{said}");
        let Verdict::TooSmall(said) = NEEDS.judge(Some(50 * MIB)) else { panic!() };
        assert!(said.contains("queue 16.0 MiB") && said.contains("QUEUE_MAX_BYTES"), "{said}");
    }

    #[test]
    fn absurd_bounds_do_not_overflow() {
        let huge = Needs { prefetch: u64::MAX, queue: u64::MAX, batch: u64::MAX / 8, calls: u32::MAX, ..NEEDS };
        assert!(matches!(huge.judge(Some(MIB)), Verdict::TooSmall(_)));
    }

    #[test]
    fn the_tightest_limit_up_the_tree_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("pod/memory.max", "134217728\n");
        write("pod/container/memory.max", "max\n");
        let limit = |own: &str| limit_below(root.path(), own);
        assert_eq!(limit("0::/pod/container\n"), Some(128 * MIB));
        assert_eq!(limit("0::/elsewhere\n"), None);
        write("memory/docker/abc/memory.limit_in_bytes", "67108864\n");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(limit("8:pids:/x\n7:cpu,memory:/docker/abc\n"), Some(64 * MIB));
        assert_eq!(limit("7:memory:/host/path/not/here\n"), None);
        write("memory.max", "33554432\n");
        assert_eq!(limit("0::/\n"), Some(32 * MIB), "a namespace of its own");
        assert_eq!(limit("nonsense\n3:x\n\n"), None);
    }
}

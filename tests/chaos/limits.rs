//! Little to live on: few file descriptors, 64 MiB, nothing to write to, a tenth of a core.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{judge::Repeats, sidecar::Sidecar, stage::Stage, worker::Behaviour};

const WITHIN: Duration = Duration::from_secs(120);

/// The exit code, and everything that was said.
fn refused(sidecar: Sidecar) -> (Option<i32>, String) {
    let log = sidecar.log.clone();
    let (status, _) = sidecar.wait(Duration::from_secs(30));
    (status.code(), fs::read_to_string(log).unwrap())
}

/// Becomes what it is given, with so many file descriptors and none of the test's own.
fn with_files(limit: u64) -> String {
    let close = r"for fd in /proc/$$/fd/*; do fd=${fd##*/}; if ((fd > 2)); then exec {fd}>&-; fi; done";
    format!(r#"{close}; ulimit -n {limit} && exec "$@""#)
}

#[test]
fn sixty_four_file_descriptors_are_enough() {
    let mut stage = Stage::new("files", 4, Behaviour::after(Duration::from_millis(20)));
    let (script, dead) = (with_files(64), stage.dead_letters());
    let sidecar = stage.sidecar_by(&["bash", "-c", &script, "bash"], "only", &[("DLQ_TOPIC", &dead)]);
    stage.fill(20_000);
    stage.await_delivered(1_000, WITHIN);
    let idle = [(); 8].map(|()| TcpStream::connect(sidecar.admin).unwrap());
    for probe in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(sidecar.get(probe).unwrap().0, 200, "{probe}");
    }
    let open = fs::read_dir(format!("/proc/{}/fd", sidecar.pid())).unwrap().count();
    stage.await_no_lag(WITHIN);
    assert_eq!(sidecar.get("/livez").unwrap().0, 200);
    let verdict = stage.verdict(Repeats::AtMost(0));
    assert_eq!((verdict.holds().produced, verdict.done), (20_000, 20_000));
    println!("64 file descriptors, {} idle connections: 20000 of 20000 delivered, {open} open", idle.len());
    assert!(sidecar.stop().0.success());
}

#[test]
fn too_few_file_descriptors_are_refused_and_the_fewest_that_are_asked_for_do() {
    let mut stage = Stage::new("few-files", 2, Behaviour::instant());
    let start = |name: &str, limit| {
        stage.sidecar_by(&["bash", "-c", &with_files(limit), "bash"], name, &[("QUEUE_WORKERS", "1")])
    };
    let (code, said) = refused(start("twelve", 12));
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("the limit of file descriptors is 12, and it takes ") && said.contains("ulimit -n"),
        "{said}"
    );
    let least: u64 = said.split("it takes ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    let (code, said) = refused(start("one-less", least - 1));
    assert_eq!(code, Some(2), "{said}");

    let sidecar = start("enough", least);
    stage.fill(2_000);
    stage.await_no_lag(WITHIN);
    assert_eq!(sidecar.get("/livez").unwrap().0, 200);
    assert!(sidecar.events("client_error").is_empty() && sidecar.events("worker_held").is_empty());
    assert!(sidecar.stop().0.success());
    stage.verdict(Repeats::AtMost(0)).holds();
    println!("12 file descriptors: refused, it takes {least}; {least}: 2000 of 2000 delivered");
}

/// Where mounts are its own: as root, or else in a user namespace. Without either the test fails.
const OWN_MOUNTS: &str = r#"unshare -m true 2>/dev/null && exec unshare -m "$@"; exec unshare -rm "$@""#;

/// Becomes the rest of the words, in a group of 64 MiB where there is one, and where the first look at the limits finds
/// 64 MiB by either name.
const IN_64_MIB: &str = r#"
[ -z "$1" ] || echo $$ > "$1/cgroup.procs"; shift
mount -t tmpfs none /sys/fs/cgroup
mkdir /sys/fs/cgroup/memory
echo 67108864 | tee /sys/fs/cgroup/memory.max > /sys/fs/cgroup/memory/memory.limit_in_bytes
exec "$@""#;

/// A memory cgroup that the kernel holds to 64 MiB, where one can be made.
struct Cgroup(PathBuf);

impl Cgroup {
    fn make() -> Option<Self> {
        let name = format!("sluicegate-test-{}", std::process::id());
        let [newer, older] = [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")];
        [newer, older].into_iter().find_map(|(top, file)| {
            let group = Self(Path::new(top).join(&name));
            fs::create_dir(&group.0).ok()?;
            let limit = group.0.join(file);
            (limit.exists() && fs::write(limit, "67108864").is_ok()).then_some(group)
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.0));
    }
}

/// `VmHWM` and the like, in KiB.
fn status(sidecar: &Sidecar, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", sidecar.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[test]
fn two_hundred_thousand_records_behind_a_slow_worker_and_then_a_fast_one_take_less_than_64_mib() {
    const RECORDS: u64 = 200_000;
    let mut stage = Stage::new("memory", 8, Behaviour::after(Duration::from_millis(50)));
    for number in 0..RECORDS {
        let value = format!(r#"{{"n":{number},"of":"{:x>480}"}}"#, "");
        stage.writer.send((number % 8) as i32, None, Some(value.as_bytes()), None);
    }
    stage.writer.flush();
    let group = Cgroup::make();
    let dir = group.as_ref().map_or(String::new(), |group| group.0.display().to_string());
    let words = ["sh", "-c", OWN_MOUNTS, "sh", "sh", "-ec", IN_64_MIB, "sh", &dir];
    let sidecar = stage.sidecar_by(&words, "only", &[]);
    stage.await_delivered(10_000, WITHIN);
    let slow = status(&sidecar, "VmHWM:");
    stage.worker.behave(Behaviour::instant());
    stage.await_no_lag(2 * WITHIN);
    let peak = status(&sidecar, "VmHWM:");
    let verdict = stage.verdict(Repeats::AtMost(0));
    assert_eq!((verdict.holds().produced, verdict.done), (RECORDS, RECORDS));
    println!(
        "a backlog of {RECORDS} in 64 MiB ({}): at most {:.1} MiB behind a slow worker, {:.1} MiB behind a fast one",
        if group.is_some() { "held by the kernel" } else { "no cgroup can be made here" },
        slow as f64 / 1024.0,
        peak as f64 / 1024.0
    );
    assert!(peak < 64 << 10, "{peak} KiB");
    assert!(sidecar.stop().0.success());
}

#[test]
fn bounds_too_large_for_64_mib_are_refused_with_the_sum() {
    let stage = Stage::new("bounds", 1, Behaviour::instant());
    let words = ["sh", "-c", OWN_MOUNTS, "sh", "sh", "-ec", IN_64_MIB, "sh", ""];
    let (code, said) = refused(stage.sidecar_by(&words, "only", &[("QUEUE_MAX_BYTES", "64MiB")]));
    assert_eq!(code, Some(2), "{said}");
    for word in
        ["the memory limit is 64.0 MiB", "the process 20.0 MiB", "queue 64.0 MiB", "one call", "lower QUEUE_MAX_BYTES"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
}

/// Becomes what it is given where nothing can be written to.
const READ_ONLY: &str = r#"
while read -r _ _ _ _ dir options _; do
    case $options in rw*) mount -o "remount,bind,ro${options#rw}" "$(printf %b "$dir")" ;; esac
done < /proc/self/mountinfo
for dir in / /tmp /var/tmp /dev/shm .; do
    if (: > "$dir/sluicegate-trial") 2>/dev/null; then echo "$dir can be written to"; exit 99; fi
done
exec "$@""#;

#[test]
fn a_read_only_file_system_is_enough_and_a_state_dir_on_it_is_refused() {
    let mut stage = Stage::new("read-only", 2, Behaviour::instant());
    let words = ["sh", "-c", OWN_MOUNTS, "sh", "sh", "-ec", READ_ONLY, "sh"];
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().display().to_string();
    let (code, said) = refused(stage.sidecar_by(&words, "with-state", &[("STATE_DIR", &state)]));
    assert_eq!(code, Some(2), "{said}");
    for word in ["STATE_DIR", state.as_str(), "Read-only file system", "leave STATE_DIR unset"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let sidecar = stage.sidecar_by(&words, "only", &[]);
    stage.fill(2_000);
    stage.await_no_lag(WITHIN);
    assert_eq!(sidecar.get("/readyz").unwrap().0, 200);
    let verdict = stage.verdict(Repeats::AtMost(0));
    assert_eq!((verdict.holds().produced, verdict.done), (2_000, 2_000));
    assert!(sidecar.stop().0.success());
    println!("a read-only file system: 2000 of 2000 delivered; STATE_DIR on it: refused");
}

/// Lets a process run for five milliseconds in a hundred, as the scheduler does with a quota: with two cores no more
/// than a tenth of one.
struct Quota {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Quota {
    fn of(pid: u32) -> Self {
        let over = Arc::<AtomicBool>::default();
        let told = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let send = |signal| {
                // SAFETY: a plain system call; the child is waited for after this thread has ended.
                unsafe { libc::kill(pid as libc::pid_t, signal) };
            };
            while !told.load(SeqCst) {
                send(libc::SIGSTOP);
                std::thread::sleep(Duration::from_millis(95));
                send(libc::SIGCONT);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        self.over.store(true, SeqCst);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[test]
fn a_tenth_of_a_core_delivers_answers_probes_and_keeps_its_place_in_the_group() {
    const RECORDS: u64 = 20_000;
    let mut stage = Stage::new("tenth", 2, Behaviour::instant());
    // With the session it has by default: what is left of a core that others use is not for the test to say.
    let sidecar = stage.sidecar_as_it_is("only", &[]);
    let (quota, start) = (Quota::of(sidecar.pid()), Instant::now());
    stage.fill(RECORDS);
    stage.await_delivered(100, WITHIN);
    assert_eq!(sidecar.get("/livez").unwrap().0, 200);
    stage.await_no_lag(WITHIN);
    assert_eq!(sidecar.get("/readyz").unwrap().0, 200);
    let took = start.elapsed().as_secs_f64();
    assert_eq!(sidecar.events("rebalance").len(), 1);
    assert!(sidecar.stop().0.success());
    drop(quota);
    let verdict = stage.verdict(Repeats::AtMost(0));
    assert_eq!((verdict.holds().produced, verdict.done), (RECORDS, RECORDS));
    println!("5 ms of every 100: {RECORDS} of {RECORDS} delivered in {took:.1} s from the start, 1 rebalance");
}

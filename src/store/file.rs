//! One small file with a form and a version. A reader sees a whole one or the one before it, whatever happens: it is
//! written beside its place, flushed, and moved there.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::value::RawValue;

use crate::control::learned::{Learned, Unfit, VERSION};

const NAME: &str = "learned.json";
/// Where it is written before it is moved, with something behind it that no other process has: their numbers alike, two
/// sidecars in two containers may have been given one directory.
const BESIDE: &str = ".learned.json.new-";
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(600);
/// Bytes of the file. Sixty-four routes with the longest topic names there are take a quarter of it.
const BYTES_MAX: u64 = 128 << 10;

/// The file of one `STATE_DIR`.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    /// Whose it is: what was learnt about another worker is worth nothing here.
    worker: String,
}

/// Why a file is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is one, and it cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// It is not of the form that is written here, or too large to be.
    #[error("{0}")]
    Broken(String),
    #[error("it is of version {0}, this build knows {VERSION}")]
    ForeignVersion(u64),
    /// It was learnt about another worker.
    #[error("it is about another worker")]
    ForeignWorker,
}

impl Refused {
    /// The code in the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Broken(_) => "broken",
            Self::ForeignVersion(_) => Unfit::ForeignVersion.code(),
            Self::ForeignWorker => "foreign_worker",
        }
    }
}

#[derive(serde::Serialize)]
struct Written<'a> {
    version: u32,
    worker: &'a str,
    learned: &'a Learned,
}

#[derive(serde::Deserialize)]
struct Found<'a> {
    version: u64,
    worker: String,
    // Another version may have another form.
    #[serde(borrow)]
    learned: &'a RawValue,
}

impl Store {
    pub fn new(dir: &Path, worker: &str) -> Self {
        Self { dir: dir.to_owned(), worker: worker.to_owned() }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    /// What an earlier run has left; `None` when there was none.
    ///
    /// # Errors
    /// Why what is there is not used.
    pub fn load(&self) -> Result<Option<Learned>, Refused> {
        self.sweep();
        let text = match read(&self.path()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Refused::Unreadable(error.to_string())),
        };
        let broken = |error: serde_json::Error| Refused::Broken(error.to_string());
        if text.len() as u64 > BYTES_MAX {
            return Err(Refused::Broken(format!("it is larger than {BYTES_MAX} bytes")));
        }
        let found: Found = serde_json::from_slice(&text).map_err(broken)?;
        if found.version != u64::from(VERSION) {
            return Err(Refused::ForeignVersion(found.version));
        }
        if found.worker != self.worker {
            return Err(Refused::ForeignWorker);
        }
        serde_json::from_str(found.learned.get()).map(Some).map_err(broken)
    }

    /// Puts this in its place.
    ///
    /// # Errors
    /// What the file system says, with the path.
    pub fn save(&self, learned: &Learned) -> io::Result<()> {
        let path = self.path();
        self.replace(&path, learned)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    fn replace(&self, path: &Path, learned: &Learned) -> io::Result<()> {
        let text = serde_json::to_vec(&Written { version: VERSION, worker: &self.worker, learned })?;
        if text.len() as u64 > BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it would be {} bytes", text.len())));
        }
        let beside = self.dir.join(format!("{BESIDE}{:016x}", fastrand::u64(..)));
        let moved = write_new(&beside, &text).and_then(|()| fs::rename(&beside, path));
        if moved.is_err() {
            // It may not even be there.
            let _ = fs::remove_file(&beside);
        }
        moved?;
        File::open(&self.dir)?.sync_all()
    }

    /// Takes away what processes left that died while they wrote. One that has just been touched may belong to another
    /// sidecar that was given this directory too.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(BESIDE)) {
            let age = entry.metadata().and_then(|about| about.modified()).map(|at| at.elapsed().unwrap_or_default());
            if age.is_ok_and(|age| age > LEFT_BEHIND_AFTER) {
                // Whoever else sweeps here may have been quicker.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Whether a file can be kept in this directory. Makes one and takes it away again.
///
/// # Errors
/// What is wrong with it, to be said after its name.
pub fn examine(dir: &Path) -> Result<(), String> {
    let about = fs::metadata(dir).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be looked at: {error}"),
    })?;
    if !about.is_dir() {
        return Err("is not a directory".to_owned());
    }
    let trial = dir.join(format!(".{NAME}.{}", std::process::id()));
    let outcome = File::create(&trial).map(drop);
    if outcome.is_ok() {
        // That it stays there is no harm.
        let _ = fs::remove_file(&trial);
    }
    outcome.map_err(|error| format!("cannot be written to: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::learned::LearnedRoute;

    const WORKER: &str = "http://127.0.0.1:9000/infer";

    fn learned() -> Learned {
        let route = LearnedRoute { topic: "t".to_owned(), shape: [0.02, 0.005, 0.0], ..LearnedRoute::default() };
        Learned { version: VERSION, saved_at_ms: 17, model: Some(u64::MAX), concurrency: 5, routes: vec![route] }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), WORKER);
        (dir, store)
    }

    fn refused(store: &Store, text: impl AsRef<[u8]>) -> Refused {
        fs::write(store.path(), text).unwrap();
        store.load().unwrap_err()
    }

    #[test]
    fn what_is_saved_is_loaded_and_nothing_else_is_left_in_the_directory() {
        let (dir, store) = store();
        assert_eq!(store.load(), Ok(None));
        store.save(&Learned::default()).unwrap();
        store.save(&learned()).unwrap();
        assert_eq!(store.load(), Ok(Some(learned())));
        examine(dir.path()).unwrap();
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [NAME]);
    }

    #[test]
    fn what_is_broken_too_large_of_another_version_or_of_another_worker_is_refused_and_says_so() {
        let (_dir, store) = store();
        store.save(&learned()).unwrap();
        let whole = fs::read_to_string(store.path()).unwrap();
        for text in ["", "{}", "[]", "\u{0}", &whole[..whole.len() - 1], &whole.replace("0.02", "null")] {
            assert_eq!(refused(&store, text).code(), "broken", "{text}");
        }
        assert_eq!(refused(&store, vec![b' '; 1 << 20]).code(), "broken");
        assert_eq!(refused(&store, [0xff, 0xfe]).code(), "broken");
        let newer = whole.replacen("\"version\":1", "\"version\":2", 1).replace("shape", "form");
        assert_eq!(refused(&store, newer), Refused::ForeignVersion(2));
        let other = "http://127.0.0.1:9001/infer";
        assert_eq!(refused(&store, whole.replace(WORKER, other)), Refused::ForeignWorker);
        fs::remove_file(store.path()).unwrap();
        fs::create_dir(store.path()).unwrap();
        assert_eq!(store.load().unwrap_err().code(), "unreadable");
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_there_and_names_the_file() {
        let (dir, store) = store();
        store.save(&learned()).unwrap();
        let much =
            Learned { routes: vec![LearnedRoute { topic: "t".repeat(1 << 20), ..Default::default() }], ..learned() };
        let error = store.save(&much).unwrap_err().to_string();
        assert!(error.contains("learned.json: it would be"), "{error}");
        assert_eq!(store.load(), Ok(Some(learned())));
        drop(dir);
        let error = store.save(&learned()).unwrap_err().to_string();
        assert!(error.contains("learned.json: No such file"), "{error}");
    }

    #[test]
    fn two_that_write_in_one_directory_leave_a_whole_file_of_one_of_them() {
        let (dir, store) = store();
        let write = |concurrency| {
            for _ in 0..50 {
                store.save(&Learned { concurrency, ..learned() }).unwrap();
                assert!(store.load().unwrap().is_some_and(|learned| [1, 2].contains(&learned.concurrency)));
            }
        };
        std::thread::scope(|scope| {
            [1, 2].map(|concurrency| scope.spawn(move || write(concurrency))).map(|w| w.join().unwrap())
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_process_left_that_died_while_it_wrote_is_taken_away_and_what_is_being_written_is_not() {
        let (dir, store) = store();
        let (old, new) = (dir.path().join(format!("{BESIDE}1")), dir.path().join(format!("{BESIDE}2")));
        File::create(&old).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        File::create(&new).unwrap();
        assert_eq!(store.load(), Ok(None));
        assert_eq!((old.exists(), new.exists()), (false, true));
    }

    #[test]
    fn a_directory_that_cannot_hold_the_file_is_told_from_one_that_can() {
        let (dir, store) = store();
        assert_eq!(examine(&dir.path().join("missing")), Err("does not exist".to_owned()));
        store.save(&learned()).unwrap();
        assert_eq!(examine(&store.path()), Err("is not a directory".to_owned()));
        // Nobody may write here, the superuser included.
        let error = examine(Path::new("/proc/self")).unwrap_err();
        assert!(error.starts_with("cannot be written to: "), "{error}");
    }
}

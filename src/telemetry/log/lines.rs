//! Lines on their way out: whoever logs leaves them here, and a thread of its own writes them.
//!
//! A pipe that nobody reads stops that thread and nobody else. What does not fit meanwhile is dropped, counted, and told
//! in the place where it is missing. Why this is no library: docs/adr/log-writer.md.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What may wait, in bytes, with what keeping each line costs.
pub const WAITING_BYTES_MAX: usize = 1 << 20;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Something is to be written.
    came: Condvar,
    /// Nothing is.
    settled: Condvar,
}

#[derive(Debug)]
struct Line {
    /// Lines that are missing right before it.
    missing: u64,
    text: Box<[u8]>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Line>,
    bytes: usize,
    /// The thread has one in its hands.
    writing: bool,
    /// The last write failed: nobody is there to be told anything until another line shows otherwise.
    unheard: bool,
    dropped: u64,
    /// Dropped after everything that waits.
    untold: u64,
}

impl Waiting {
    fn put(&mut self, text: &[u8]) {
        let cost = cost(text);
        if self.bytes + cost > WAITING_BYTES_MAX {
            return self.drop_one();
        }
        self.bytes += cost;
        self.lines.push_back(Line { missing: std::mem::take(&mut self.untold), text: text.into() });
    }

    fn drop_one(&mut self) {
        self.dropped += 1;
        self.untold += 1;
    }

    /// What is to be written next; without a text when only drops are left to tell.
    fn take(&mut self) -> Option<Line> {
        let line = match self.lines.pop_front() {
            Some(line) => {
                self.bytes -= cost(&line.text);
                Some(line)
            }
            None if self.untold == 0 || self.unheard => None,
            None => Some(Line { missing: std::mem::take(&mut self.untold), text: Box::default() }),
        };
        self.writing = line.is_some();
        line
    }

    fn written(&mut self, line: &Line, result: &io::Result<()>) {
        self.unheard = result.is_err();
        if self.unheard {
            self.untold += line.missing;
            if !line.text.is_empty() {
                self.drop_one();
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.lines.is_empty() && !self.writing && (self.untold == 0 || self.unheard)
    }
}

fn cost(text: &[u8]) -> usize {
    text.len() + size_of::<Line>()
}

impl Lines {
    /// Starts the thread that writes to `out`, each line at once. `missing` makes the line that says how many are.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn write_to(
        &self,
        out: impl Write + Send + 'static,
        missing: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> io::Result<()> {
        let lines = self.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || lines.run(out, missing))?;
        Ok(())
    }

    /// Leaves a whole line, with its end. Never waits for whoever reads the log.
    pub fn put(&self, text: &[u8]) {
        self.lock().put(text);
        self.0.came.notify_one();
    }

    /// Lines nobody will ever read, since the start.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Waits until everything is written, but no longer than this.
    pub fn finish(&self, within: Duration) {
        // Who ends the process ends it either way.
        let _ = self.0.settled.wait_timeout_while(self.lock(), within, |waiting| !waiting.is_settled());
    }

    fn run(&self, mut out: impl Write, missing: impl Fn(u64) -> Vec<u8>) {
        loop {
            let line = self.next();
            let told = if line.missing > 0 { missing(line.missing) } else { Vec::new() };
            let result = out.write_all(&told).and_then(|()| out.write_all(&line.text));
            self.lock().written(&line, &result);
        }
    }

    fn next(&self) -> Line {
        let mut waiting = self.lock();
        loop {
            if let Some(line) = waiting.take() {
                return line;
            }
            self.0.settled.notify_all();
            waiting = self.0.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A pipe that takes a write each time somebody reads one.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.is_empty() {
                return Ok(0);
            }
            self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn piped() -> (Lines, Receiver<Vec<u8>>) {
        let (lines, (pipe, read)) = (Lines::default(), sync_channel(0));
        lines.write_to(Pipe(pipe), |missing| format!("{missing} missing\n").into_bytes()).unwrap();
        (lines, read)
    }

    fn read(pipe: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(pipe.recv_timeout(LONG).unwrap()).unwrap()
    }

    /// A line with a number that takes up a tenth of the room.
    fn tenth(number: u32) -> Vec<u8> {
        let mut text = format!("{number}:").into_bytes();
        text.resize(WAITING_BYTES_MAX / 10 - size_of::<Line>(), b'x');
        text
    }

    fn number(text: &str) -> &str {
        text.split_once(':').map_or(text, |(number, _)| number)
    }

    /// The thread has the first line in its hands, and stands.
    fn stalled() -> (Lines, Receiver<Vec<u8>>) {
        let (lines, pipe) = piped();
        lines.put(b"0:");
        while !lines.lock().writing {
            std::thread::yield_now();
        }
        (lines, pipe)
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_told_where_it_is_missing() {
        let (lines, pipe) = stalled();
        (1..=13).for_each(|n| lines.put(&tenth(n)));
        assert_eq!(lines.dropped(), 3);
        assert_eq!(number(&read(&pipe)), "0");
        assert_eq!(number(&read(&pipe)), "1", "there is room again");
        lines.put(b"14:");
        let rest: Vec<String> = (0..11).map(|_| number(&read(&pipe)).to_owned()).collect();
        let expected: Vec<String> = (2..=10).map(|n| n.to_string()).collect();
        assert_eq!(rest[..9], expected);
        assert_eq!(rest[9..], ["3 missing\n", "14"]);
        assert_eq!(lines.dropped(), 3);
    }

    #[test]
    fn what_is_missing_is_told_when_nothing_comes_after_it_too() {
        let (lines, pipe) = stalled();
        (1..=12).for_each(|n| lines.put(&tenth(n)));
        let all: Vec<String> = (0..12).map(|_| number(&read(&pipe)).to_owned()).collect();
        assert_eq!(all[11], "2 missing\n");
        lines.finish(LONG);
        assert!(lines.lock().is_settled());
    }

    #[test]
    fn the_end_waits_for_what_is_left_but_not_for_ever() {
        let (lines, pipe) = stalled();
        lines.put(b"1:");
        lines.finish(Duration::from_millis(1));
        assert!(!lines.lock().is_settled(), "it came back all the same");
        let (told, ended): (Sender<()>, _) = channel();
        let ending = lines.clone();
        std::thread::spawn(move || {
            ending.finish(LONG);
            told.send(()).unwrap();
        });
        assert_eq!((read(&pipe), ended.try_recv().is_ok()), ("0:".to_owned(), false));
        read(&pipe);
        ended.recv_timeout(LONG).unwrap();
    }

    #[test]
    fn a_reader_that_is_gone_costs_lines_and_nothing_else() {
        let (lines, pipe) = stalled();
        drop(pipe);
        (0..100).for_each(|_| lines.put(b"1:"));
        lines.finish(LONG);
        assert!(lines.lock().is_settled());
        assert_eq!(lines.dropped(), 101);
    }

    #[test]
    fn a_line_that_is_larger_than_all_the_room_is_dropped() {
        let (lines, pipe) = piped();
        lines.put(&vec![b'x'; WAITING_BYTES_MAX]);
        assert_eq!(read(&pipe), "1 missing\n");
    }
}

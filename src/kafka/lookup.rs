//! Questions to the brokers that take a round trip, asked on a thread of their own so that the polling thread never
//! waits for one: log ends (lag must not freeze while nothing is fetched, and asking wakes the leader's connection after
//! a resume), and committed offsets: of partitions that are to be assigned, and of those whose position was lost.
//!
//! An answer may be late or missing: whoever asks looks at the clock and asks again.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{TopicPartitionList, consumer::Consumer as _, topic_partition_list::Offset};

use crate::{
    engine::event::Committed,
    kafka::{context::Consumer, ffi},
    record::PartitionId,
};

/// On one question, however many partitions it is about.
const TIMEOUT: Duration = Duration::from_secs(2);

/// On one partition, when the question about all of them together failed.
const SINGLE_TIMEOUT: Duration = Duration::from_millis(500);

/// Questions waiting. More are not taken: they would be stale when asked.
const WAITING_MAX: usize = 4;

#[derive(Debug)]
pub struct Question {
    pub about: About,
    pub partitions: Vec<(PartitionId, Arc<str>, i32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    LogEnd,
    LogStart,
    Committed,
    /// The same, to be compared with what was committed.
    Audit,
    /// The same for partitions that are to be assigned: by the number of the assignment, for all of them at once.
    Start(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    LogEnd(PartitionId, i64),
    /// Of the partitions whose leaders said.
    LogStart(Vec<(PartitionId, i64)>),
    /// `None`: nothing was ever committed.
    Committed(PartitionId, Option<i64>),
    /// What is committed, of the partitions of which somebody could say.
    Audit(Vec<(PartitionId, Option<i64>)>),
    /// Where something was committed. Empty also when nobody could say.
    Start(u64, Vec<(PartitionId, Committed)>),
}

#[derive(Debug)]
pub struct Lookup {
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
}

impl Lookup {
    /// The thread ends when this is dropped, after the question it is at.
    pub fn spawn(client: Arc<Consumer>) -> io::Result<Self> {
        let (questions, inbox) = sync_channel(WAITING_MAX);
        let (outbox, answers) = channel();
        thread::Builder::new().name("kafka-lookup".to_owned()).spawn(move || serve(&client, &inbox, &outbox))?;
        Ok(Self { questions, answers })
    }

    /// Asks, unless too much is waiting already.
    pub fn ask(&self, question: Question) -> bool {
        !question.partitions.is_empty() && self.questions.try_send(question).is_ok()
    }

    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

fn serve(client: &Consumer, inbox: &Receiver<Question>, outbox: &Sender<Answer>) {
    let mut turn = 0;
    for question in inbox {
        let answers = match question.about {
            About::LogEnd => log_ends(client, &question, &mut turn),
            About::LogStart => vec![Answer::LogStart(log_starts(client, &question))],
            About::Committed => {
                offsets(committed(client, &question)).map(|(id, offset)| Answer::Committed(id, offset)).collect()
            }
            About::Audit => vec![Answer::Audit(offsets(committed(client, &question)).collect())],
            About::Start(number) => {
                let known = committed(client, &question).into_iter().filter_map(|(id, kept)| Some((id, kept?)));
                vec![Answer::Start(number, known.collect())]
            }
        };
        for answer in answers {
            if outbox.send(answer).is_err() {
                return;
            }
        }
    }
}

/// One request to each leader. If a leader is away that fails for all, so the others are then asked one by one, each
/// time beginning with another, within the same time again.
fn log_ends(client: &Consumer, question: &Question, turn: &mut usize) -> Vec<Answer> {
    let list = list(question, Offset::End);
    if let Ok(found) = client.offsets_for_times(list, TIMEOUT) {
        let ends = matched(question, &found).into_iter();
        return ends.filter_map(|(id, end)| Some(Answer::LogEnd(id, end?.offset))).collect();
    }
    let started = Instant::now();
    let count = question.partitions.len();
    *turn += 1;
    let mut answers = Vec::new();
    for (id, topic, number) in question.partitions.iter().cycle().skip(*turn % count).take(count) {
        if started.elapsed() > TIMEOUT {
            break;
        }
        if let Ok((_, end)) = client.fetch_watermarks(topic, *number, SINGLE_TIMEOUT) {
            answers.push(Answer::LogEnd(*id, end));
        }
    }
    answers
}

/// None when a leader is away: whoever asks does so again.
fn log_starts(client: &Consumer, question: &Question) -> Vec<(PartitionId, i64)> {
    let found = client.offsets_for_times(list(question, Offset::Beginning), TIMEOUT);
    let found = found.map_or_else(|_| Vec::new(), |found| matched(question, &found));
    found.into_iter().filter_map(|(id, start)| Some((id, start?.offset))).collect()
}

fn committed(client: &Consumer, question: &Question) -> Vec<(PartitionId, Option<Committed>)> {
    let found = client.committed_offsets(list(question, Offset::Invalid), TIMEOUT);
    found.map_or_else(|_| Vec::new(), |found| matched(question, &found))
}

/// Without what stands beside them.
fn offsets(found: Vec<(PartitionId, Option<Committed>)>) -> impl Iterator<Item = (PartitionId, Option<i64>)> {
    found.into_iter().map(|(id, kept)| (id, kept.map(|kept| kept.offset)))
}

fn list(question: &Question, offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(question.partitions.len());
    for (_, topic, number) in &question.partitions {
        // Fails for a negative number in `Offset::Offset` only.
        let _ = list.add_partition(topic, *number).set_offset(offset);
    }
    list
}

/// The partitions of an answer that came without an error, with their offset, and what stands beside it, if they have
/// one.
fn matched(question: &Question, found: &TopicPartitionList) -> Vec<(PartitionId, Option<Committed>)> {
    let ids: HashMap<(&str, i32), PartitionId> =
        question.partitions.iter().map(|(id, topic, number)| ((&**topic, *number), *id)).collect();
    let texts = ffi::metadata(found);
    let well = found.elements().into_iter().zip(texts).filter(|(element, _)| element.error().is_ok());
    let each = well.filter_map(|(element, text)| {
        let id = *ids.get(&(element.topic(), element.partition()))?;
        let Offset::Offset(offset) = element.offset() else { return Some((id, None)) };
        Some((id, Some(Committed { offset, metadata: text.into() })))
    });
    each.collect()
}

//! The answer of protocol `json`: `{"statuses":[{"entryId","status","result"?}]}`, read in one pass.
//!
//! The shape is checked strictly, what it says about single entries is read forgivingly: an id that is not of this
//! batch is counted and ignored, a word that is not one of the three is RETRY, and an entry without an answer is
//! RETRY. Of several answers for one entry the least final counts (RETRY over DROP over SUCCESS), so that no order
//! of them can lose a record. `result` may be any JSON: of a request over HTTP it is kept, with `httpStatus`, for
//! whoever asked; of a record from Kafka it is passed over.

use std::{collections::BTreeMap, fmt};

use rustc_hash::FxHashMap;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text::Digits;
use crate::{
    engine::event::{Batch, Said, Verdict},
    record::{Record, RequestId},
};

/// What a well-shaped answer says.
#[derive(Debug, PartialEq, Eq)]
pub struct Statuses {
    /// In the batch's order.
    pub verdicts: Vec<Verdict>,
    /// What was said of requests over HTTP, each once.
    pub said: Vec<(RequestId, Said)>,
    pub oddities: Oddities,
}

/// What was odd about it, for people.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Entries that were sent and not answered.
    pub missing: u32,
    /// Answers for entries that were not sent, and one of their ids.
    pub unknown_ids: u32,
    pub unknown_id: Option<Box<str>>,
    /// Statuses that are not SUCCESS, RETRY or DROP, and one of them.
    pub unknown_statuses: u32,
    pub unknown_status: Option<Box<str>>,
    /// Further answers for an entry that had one.
    pub repeats: u32,
}

/// Reads an answer's body; `undecodable` are the batch's records that were not sent, ascending.
///
/// # Errors
/// Says what is wrong when the body is not of the shape.
pub fn read(body: &[u8], batch: &Batch, undecodable: &[u32]) -> Result<Statuses, serde_json::Error> {
    let mut reader = Reader {
        batch,
        undecodable,
        answers: vec![None; batch.records.len()],
        said: BTreeMap::new(),
        expected: 0,
        by_position: None,
        oddities: Oddities::default(),
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    json.deserialize_map(TopVisitor(&mut reader))?;
    json.end()?;
    Ok(reader.finish())
}

struct Reader<'a> {
    batch: &'a Batch,
    undecodable: &'a [u32],
    answers: Vec<Option<Verdict>>,
    said: BTreeMap<RequestId, Said>,
    /// Most workers answer in the order they were asked: the record to try first.
    expected: usize,
    /// Partition and offset to index, built when an answer comes out of order.
    by_position: Option<FxHashMap<(i32, i64), usize>>,
    oddities: Oddities,
}

impl Reader<'_> {
    fn take(&mut self, entry: &Entry<'_>) {
        let Some(index) = entry.id.and_then(|id| self.find(id)) else {
            self.oddities.unknown_ids += 1;
            self.oddities.unknown_id.get_or_insert_with(|| sample(entry.id));
            return;
        };
        let verdict = match entry.status.map(RawValue::get) {
            Some("\"SUCCESS\"") => Verdict::Success,
            Some("\"RETRY\"") => Verdict::Retry,
            Some("\"DROP\"") => Verdict::Drop,
            _ => {
                self.oddities.unknown_statuses += 1;
                self.oddities.unknown_status.get_or_insert_with(|| sample(entry.status));
                Verdict::Retry
            }
        };
        let Some(answer) = self.answers.get_mut(index) else { return };
        let counts = match *answer {
            None => verdict,
            Some(earlier) => {
                self.oddities.repeats += 1;
                least_final(earlier, verdict)
            }
        };
        *answer = Some(counts);
        // Of several answers the words of the one that counts.
        let request = self.batch.records.get(index).and_then(Record::request).filter(|_| counts == verdict);
        if let Some(request) = request {
            self.said.insert(request, said(entry));
        }
    }

    fn find(&mut self, id: &RawValue) -> Option<usize> {
        let unescaped: String;
        let id = id.get();
        let id = match id.strip_prefix('"').and_then(|id| id.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => plain,
            Some(_) => {
                unescaped = serde_json::from_str(id).ok()?;
                &unescaped
            }
            None => return None,
        };
        let position = id.strip_prefix(&*self.batch.topic)?.strip_prefix('-')?;
        let names = |index: usize| self.batch.records.get(index).is_some_and(|record| is_position(position, record));
        let index = if names(self.expected) { self.expected } else { self.look_up(position)? };
        self.expected = index + 1;
        if self.undecodable.binary_search(&(index as u32)).is_ok() { None } else { Some(index) }
    }

    #[cold]
    fn look_up(&mut self, position: &str) -> Option<usize> {
        let records = &self.batch.records;
        let by_position = self.by_position.get_or_insert_with(|| {
            records.iter().enumerate().map(|(index, record)| ((record.number, record.offset), index)).collect()
        });
        // A request's partition has a sign.
        let (partition, offset) = position.rsplit_once('-')?;
        let index = *by_position.get(&(partition.parse().ok()?, offset.parse().ok()?))?;
        // Parsing is more forgiving than an id may be ("+1", "007").
        records.get(index).filter(|record| is_position(position, record)).map(|_| index)
    }

    fn finish(mut self) -> Statuses {
        let mut verdicts = Vec::with_capacity(self.answers.len());
        for (index, answer) in self.answers.iter().enumerate() {
            verdicts.push(match answer {
                Some(verdict) => *verdict,
                None if self.undecodable.binary_search(&(index as u32)).is_ok() => Verdict::Undecodable,
                None => {
                    self.oddities.missing += 1;
                    Verdict::Retry
                }
            });
        }
        Statuses { verdicts, said: self.said.into_iter().collect(), oddities: self.oddities }
    }
}

/// Whether `position` is `partition-offset` of this record.
fn is_position(position: &str, record: &Record) -> bool {
    let rest = position.as_bytes().strip_prefix(Digits::new(record.number.into()).as_bytes());
    rest.and_then(|rest| rest.strip_prefix(b"-")) == Some(Digits::new(record.offset).as_bytes())
}

/// A status is only taken for one where an HTTP answer could have it.
fn said(entry: &Entry<'_>) -> Said {
    let status = entry.http_status.and_then(|status| status.get().parse().ok());
    let result = entry.result.map(|result| Box::from(result.get().as_bytes()));
    Said { status: status.filter(|status| (200..=599).contains(status)), result }
}

fn least_final(a: Verdict, b: Verdict) -> Verdict {
    match (a, b) {
        (Verdict::Retry, _) | (_, Verdict::Retry) => Verdict::Retry,
        (Verdict::Drop, _) | (_, Verdict::Drop) => Verdict::Drop,
        _ => a,
    }
}

fn sample(raw: Option<&RawValue>) -> Box<str> {
    raw.map_or("none", RawValue::get).chars().take(80).collect()
}

/// One element of `statuses`, unread.
#[derive(Default)]
struct Entry<'de> {
    id: Option<&'de RawValue>,
    status: Option<&'de RawValue>,
    result: Option<&'de RawValue>,
    http_status: Option<&'de RawValue>,
}

struct TopVisitor<'r, 'a>(&'r mut Reader<'a>);

impl<'de> Visitor<'de> for TopVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `statuses`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(name) = map.next_key_seed(Name)? {
            if name == Field::Statuses {
                map.next_value_seed(List(self.0))?;
                found = true;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::missing_field("statuses")) }
    }
}

struct List<'r, 'a>(&'r mut Reader<'a>);

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of statuses")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element_seed(EntryVisitor)? {
            self.0.take(&entry);
        }
        Ok(())
    }
}

struct EntryVisitor;

impl<'de> DeserializeSeed<'de> for EntryVisitor {
    type Value = Entry<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entry<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `entryId` and `status`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry<'de>, A::Error> {
        let mut entry = Entry::default();
        while let Some(name) = map.next_key_seed(Name)? {
            match name {
                Field::EntryId => entry.id = Some(map.next_value()?),
                Field::Status => entry.status = Some(map.next_value()?),
                Field::Result => entry.result = Some(map.next_value()?),
                Field::HttpStatus => entry.http_status = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(entry)
    }
}

#[derive(PartialEq, Eq)]
enum Field {
    Statuses,
    EntryId,
    Status,
    Result,
    HttpStatus,
    Other,
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Field, E> {
        Ok(match name {
            "statuses" => Field::Statuses,
            "entryId" => Field::EntryId,
            "status" => Field::Status,
            "result" => Field::Result,
            "httpStatus" => Field::HttpStatus,
            _ => Field::Other,
        })
    }
}

#[cfg(test)]
mod tests;

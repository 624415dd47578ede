//! All the unsafe code there is: what librdkafka can do and the rdkafka crate does not expose, wrapped so that the
//! rest of the adapter is safe.
//!
//! What it must hold: a queue is destroyed before its client (it keeps the client alive); a message is destroyed once
//! (it is a `Message`, which is not `Clone`); nothing read out of a message outlives it (borrows say so). Names and
//! values come from producers, so no byte of them is believed to be UTF-8, and error codes are read as plain numbers.
//!
//! It deliberately decides nothing: which partition, when and how many is the callers' business.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    mem::MaybeUninit,
    ptr::{self, NonNull},
    slice,
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{IsError as _, RDKafkaErrorCode},
    message::OwnedHeaders,
};
use rdkafka_sys as sys;

use crate::record::{Payload, PayloadBuilder};

const EOF: i32 = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF as i32;
const NO_START: i32 = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET as i32;

/// One of librdkafka's queues. Keeps its client alive.
pub struct Queue<C: ConsumerContext> {
    ptr: NonNull<sys::rd_kafka_queue_t>,
    client: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's queues are locked inside and may be used from any thread; `BaseConsumer` is Send and Sync.
unsafe impl<C: ConsumerContext> Send for Queue<C> {}
// SAFETY: as above; every method takes `&self` or is exclusive by `&mut self`.
unsafe impl<C: ConsumerContext> Sync for Queue<C> {}

impl<C: ConsumerContext> Queue<C> {
    /// The queue that `BaseConsumer::poll` reads.
    pub fn of_consumer(client: &Arc<BaseConsumer<C>>) -> Option<Self> {
        // SAFETY: as in `new`; null when the client has no group.
        let ptr = unsafe { sys::rd_kafka_queue_get_consumer(client.client().native_ptr()) };
        Some(Self { ptr: NonNull::new(ptr)?, client: Arc::clone(client) })
    }

    /// Everything fetched of this partition from now on (and what its own queue already holds) comes here. False when
    /// the client does not take the name.
    pub fn adopt(&self, topic: &str, number: i32) -> bool {
        let Ok(topic) = CString::new(topic) else { return false };
        // SAFETY: client and topic pointers are valid for the call. The partition is made when it is not known yet,
        // which is why this can come before the assign.
        let from =
            unsafe { sys::rd_kafka_queue_get_partition(self.client.client().native_ptr(), topic.as_ptr(), number) };
        if from.is_null() {
            return false;
        }
        // SAFETY: both queues are valid; the handle made above is ours to destroy, the forward stays.
        unsafe {
            sys::rd_kafka_queue_forward(from, self.ptr.as_ptr());
            sys::rd_kafka_queue_destroy(from);
        }
        true
    }

    /// Entries waiting, not only records.
    pub fn len(&self) -> usize {
        // SAFETY: the queue is valid while `self` is.
        unsafe { sys::rd_kafka_queue_length(self.ptr.as_ptr()) }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Wakes whoever waits in [`Reader::read`], or makes its next wait return at once.
    pub fn wake(&self) {
        // SAFETY: the queue is valid while `self` is.
        unsafe { sys::rd_kafka_queue_yield(self.ptr.as_ptr()) }
    }
}

impl<C: ConsumerContext> Drop for Queue<C> {
    fn drop(&mut self) {
        // SAFETY: made by librdkafka, destroyed once, and the client still lives.
        unsafe { sys::rd_kafka_queue_destroy(self.ptr.as_ptr()) }
    }
}

/// The only way to read a queue of our own: batch reads from two threads at once are undefined.
pub struct Reader<C: ConsumerContext> {
    queue: Arc<Queue<C>>,
}

impl<C: ConsumerContext> Reader<C> {
    /// A new queue, for partitions to be forwarded to.
    pub fn new(client: &Arc<BaseConsumer<C>>) -> Option<Self> {
        // SAFETY: the client's pointer is valid for as long as `client` lives, which the queue sees to.
        let ptr = unsafe { sys::rd_kafka_queue_new(client.client().native_ptr()) };
        Some(Self { queue: Arc::new(Queue { ptr: NonNull::new(ptr)?, client: Arc::clone(client) }) })
    }

    pub fn queue(&self) -> &Arc<Queue<C>> {
        &self.queue
    }

    /// Takes up to `room` entries, appending them to `into`. librdkafka waits to *fill* the batch, so the one wait,
    /// of at most `wait`, is for the first entry; the rest is what is there. The wait comes first: a look without one
    /// would swallow a [`Queue::wake`].
    pub fn read(&mut self, into: &mut Vec<Message>, room: usize, wait: Duration) {
        if room > 0 && self.take(into, 1, wait) == 1 && room > 1 {
            self.take(into, room - 1, Duration::ZERO);
        }
    }

    fn take(&mut self, into: &mut Vec<Message>, room: usize, wait: Duration) -> usize {
        into.reserve(room);
        let spare: &mut [MaybeUninit<Message>] = into.spare_capacity_mut();
        let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: `Message` is a transparent non-null pointer, so librdkafka may write its pointers into the spare
        // room, of which there is at least `room`.
        let got = unsafe {
            sys::rd_kafka_consume_batch_queue(self.queue.ptr.as_ptr(), millis, spare.as_mut_ptr().cast(), room)
        };
        let got = usize::try_from(got).unwrap_or(0);
        // SAFETY: librdkafka wrote `got` pointers (at most `room`), each ours to destroy and none null.
        unsafe { into.set_len(into.len() + got) };
        got
    }
}

/// An entry of a queue: a record, the end of a partition, or an error of one.
#[repr(transparent)]
pub struct Message(NonNull<sys::rd_kafka_message_t>);

// SAFETY: a message is tied to its client, not to a thread; librdkafka counts its references atomically.
unsafe impl Send for Message {}

/// What kind of entry it is.
pub enum Kind {
    Record,
    /// Everything before [`Message::offset`] was read, and there is nothing beyond it yet.
    End,
    /// There is no offset to read from, and the client may not choose one: it fetches no more.
    NoStart,
    /// librdkafka's number for any other error.
    Error(i32),
}

impl Message {
    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: valid until it is destroyed, which takes `self`.
        unsafe { self.0.as_ref() }
    }

    pub fn kind(&self) -> Kind {
        // SAFETY: the field is an i32-sized enum in C; read as a number, so that a code these bindings do not know
        // cannot become an invalid enum value.
        match unsafe { (&raw const (*self.0.as_ptr()).err).cast::<i32>().read() } {
            0 => Kind::Record,
            EOF => Kind::End,
            NO_START => Kind::NoStart,
            code => Kind::Error(code),
        }
    }

    pub fn offset(&self) -> i64 {
        self.raw().offset
    }

    pub fn partition(&self) -> i32 {
        self.raw().partition
    }

    /// Stands for the topic for as long as one of its partitions is assigned; cheaper to compare than its name.
    pub fn topic_key(&self) -> usize {
        self.raw().rkt as usize
    }

    pub fn topic(&self) -> Option<String> {
        let topic = self.raw().rkt;
        if topic.is_null() {
            return None;
        }
        // SAFETY: the message holds a reference to its topic, whose name is a C string.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic)) };
        Some(name.to_string_lossy().into_owned())
    }

    /// What librdkafka says about an error; it travels where a record has its value.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(self.value().unwrap_or_default()).into_owned()
    }

    /// Milliseconds since the Unix epoch, -1 when there is none.
    pub fn timestamp(&self) -> i64 {
        // SAFETY: the message is valid; a null type pointer means not to tell.
        unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), ptr::null_mut()) }
    }

    fn key(&self) -> Option<&[u8]> {
        let raw = self.raw();
        // SAFETY: key and length belong together and live as long as the message.
        unsafe { bytes(raw.key, raw.key_len) }
    }

    fn value(&self) -> Option<&[u8]> {
        let raw = self.raw();
        // SAFETY: as above.
        unsafe { bytes(raw.payload, raw.len) }
    }

    /// Key, value and headers, copied into one allocation of their own, so that nothing of the fetch response is kept.
    pub fn payload(&self) -> Payload {
        let headers = self.headers();
        let room =
            headers.clone().map(|(name, value)| PayloadBuilder::header_len(name.len(), value.map_or(0, <[u8]>::len)));
        let mut builder = PayloadBuilder::with_capacity(self.key(), self.value(), room.sum());
        for (name, value) in headers {
            builder.header(name, value);
        }
        builder.finish()
    }

    fn headers(&self) -> Headers<'_> {
        let mut list = ptr::null_mut();
        // SAFETY: the message is valid; the list it yields belongs to it. Headers that do not parse are none.
        let err = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &mut list) };
        Headers { list: if err.is_error() { ptr::null_mut() } else { list }, index: 0, message: self }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: it came from a queue and is destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

#[derive(Clone)]
struct Headers<'a> {
    list: *mut sys::rd_kafka_headers_t,
    index: usize,
    /// The list belongs to the message; this keeps it borrowed.
    #[allow(dead_code)]
    message: &'a Message,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.list.is_null() {
            return None;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the list is valid while its message is; an index past the end is an error code.
        let err = unsafe { sys::rd_kafka_header_get_all(self.list, self.index, &mut name, &mut value, &mut size) };
        if err.is_error() || name.is_null() {
            return None;
        }
        self.index += 1;
        // SAFETY: names are C strings, values are `size` bytes, and both live as long as the message.
        unsafe { Some((CStr::from_ptr::<'a>(name).to_bytes(), bytes(value, size))) }
    }
}

/// # Safety
/// `at` is null or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(at: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: by the caller.
    (!at.is_null()).then(|| unsafe { slice::from_raw_parts(at.cast::<u8>(), len) })
}

/// Commits, with the result as an event in the consumer's queue, so that it reaches `commit_callback` with an error for
/// each partition. The crate's own asynchronous commit reports to nobody.
pub fn commit<C: ConsumerContext>(queue: &Queue<C>, offsets: &TopicPartitionList) -> Result<(), RDKafkaErrorCode> {
    // SAFETY: client, list and queue are valid for the call; the list is copied. Without a callback the result is
    // posted to the queue.
    let err = unsafe {
        let client = queue.client.client().native_ptr();
        sys::rd_kafka_commit_queue(client, offsets.ptr(), queue.ptr.as_ptr(), None, ptr::null_mut())
    };
    if err.is_error() { Err(err.into()) } else { Ok(()) }
}

/// The metadata beside each offset of a list, in the list's order. Whoever commits may write anything there: what is no
/// UTF-8 is read as nothing (the crate's own accessor would panic).
pub fn metadata(list: &TopicPartitionList) -> Vec<String> {
    let list = list.ptr();
    // SAFETY: the list is valid and not changed meanwhile; it has `cnt` elements, each with as many bytes of metadata as
    // it says, or a null pointer.
    unsafe {
        let count = usize::try_from((*list).cnt).unwrap_or(0);
        let elements = (0..count).map(|index| &*(*list).elems.add(index));
        let texts = elements.map(|element| bytes(element.metadata, element.metadata_size).unwrap_or_default());
        texts.map(|text| std::str::from_utf8(text).unwrap_or_default().to_owned()).collect()
    }
}

/// The log end as the last fetch response told it; asks nobody.
pub fn known_end<C: ConsumerContext>(client: &BaseConsumer<C>, topic: &str, number: i32) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: all pointers are valid for the call.
    let err = unsafe {
        let client = client.client().native_ptr();
        sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), number, &mut low, &mut high)
    };
    (!err.is_error() && high >= 0).then_some(high)
}

/// Adds a header whose name need not be UTF-8.
pub fn add_header(headers: &mut OwnedHeaders, name: &[u8], value: Option<&[u8]>) -> bool {
    let list = ptr::from_ref(headers.as_borrowed()).cast_mut().cast::<sys::rd_kafka_headers_t>();
    let (at, len) = value.map_or((ptr::null(), 0), |v| (v.as_ptr().cast::<c_void>(), v.len()));
    let (Ok(name_len), Ok(len)) = (isize::try_from(name.len()), isize::try_from(len)) else { return false };
    // SAFETY: `as_borrowed` is the native list under another type, and it is borrowed mutably here. Name and value
    // are copied.
    let err = unsafe { sys::rd_kafka_header_add(list, name.as_ptr().cast::<c_char>(), name_len, at, len) };
    !err.is_error()
}

/// Kafka's own name for an error code, such as `ILLEGAL_GENERATION`; librdkafka's own begin with an underscore.
pub fn code_name(code: i32) -> String {
    let Ok(code) = sys::rd_kafka_resp_err_t::try_from(code) else { return format!("ERR_{code}") };
    // SAFETY: any code yields a static C string.
    let name = unsafe { CStr::from_ptr(sys::rd_kafka_err2name(code)) };
    name.to_string_lossy().into_owned()
}

//! What the floor needs of librdkafka and the rdkafka crate does not expose: one queue for all partitions, read in
//! batches, its messages borrowed and not copied. All of the benchmark's unsafe code.

use std::{
    ffi::{CString, c_void},
    ptr::{self, NonNull},
    slice,
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::IsError as _,
};
use rdkafka_sys as sys;

/// A queue of our own. Never destroyed: the process ends first.
#[derive(Clone, Copy)]
pub struct Queue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues are locked inside and may be used from any thread.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    pub fn new<C: ConsumerContext>(client: &Arc<BaseConsumer<C>>) -> Option<Self> {
        // SAFETY: the client's pointer is valid; a queue keeps its client alive.
        NonNull::new(unsafe { sys::rd_kafka_queue_new(client.client().native_ptr()) }).map(Self)
    }

    /// Everything fetched of this partition comes here from now on. May come before the assign.
    pub fn adopt<C: ConsumerContext>(self, client: &BaseConsumer<C>, topic: &str, partition: i32) {
        let Ok(topic) = CString::new(topic) else { return };
        // SAFETY: all pointers are valid; the partition queue's handle is ours to destroy and the forward stays.
        unsafe {
            let from = sys::rd_kafka_queue_get_partition(client.client().native_ptr(), topic.as_ptr(), partition);
            if !from.is_null() {
                sys::rd_kafka_queue_forward(from, self.0.as_ptr());
                sys::rd_kafka_queue_destroy(from);
            }
        }
    }

    /// Appends up to `room` messages and says how many. librdkafka waits to *fill* the batch: so `wait` is zero, or
    /// `room` is one. Only one thread may read.
    pub fn read(self, into: &mut Vec<Message>, room: usize, wait: Duration) -> usize {
        into.reserve(room);
        // Rounded up: a wait of no time at all, again and again, would be a busy loop.
        let millis = i32::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        let spare = into.spare_capacity_mut();
        // SAFETY: `Message` is a transparent non-null pointer and there is room for `room` of them; librdkafka writes
        // as many as it returns, each ours to destroy.
        unsafe {
            let got = sys::rd_kafka_consume_batch_queue(self.0.as_ptr(), millis, spare.as_mut_ptr().cast(), room);
            let got = usize::try_from(got).unwrap_or(0);
            into.set_len(into.len() + got);
            got
        }
    }
}

/// A record, or an error of a partition.
#[repr(transparent)]
pub struct Message(NonNull<sys::rd_kafka_message_t>);

impl Message {
    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: valid until it is dropped.
        unsafe { self.0.as_ref() }
    }

    /// librdkafka's number of an error; zero for a record.
    pub fn error(&self) -> i32 {
        // SAFETY: read as a number, so that a code these bindings do not know is not an invalid enum value.
        unsafe { (&raw const (*self.0.as_ptr()).err).cast::<i32>().read() }
    }

    pub fn partition(&self) -> i32 {
        self.raw().partition
    }

    pub fn offset(&self) -> i64 {
        self.raw().offset
    }

    pub fn key(&self) -> Option<&[u8]> {
        // SAFETY: key and length belong together and live as long as the message.
        unsafe { bytes(self.raw().key, self.raw().key_len) }
    }

    pub fn value(&self) -> Option<&[u8]> {
        // SAFETY: as above.
        unsafe { bytes(self.raw().payload, self.raw().len) }
    }

    /// Milliseconds since the Unix epoch, -1 when there is none.
    pub fn timestamp(&self) -> i64 {
        // SAFETY: the message is valid; a null type pointer means not to tell.
        unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), ptr::null_mut()) }
    }

    pub fn has_headers(&self) -> bool {
        let mut list = ptr::null_mut();
        // SAFETY: the message is valid and owns the list.
        let err = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &mut list) };
        !err.is_error() && !list.is_null()
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: it came from a queue and is destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// # Safety
/// `at` is null or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(at: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: by the caller.
    (!at.is_null()).then(|| unsafe { slice::from_raw_parts(at.cast::<u8>(), len) })
}

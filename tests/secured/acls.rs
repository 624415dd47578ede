//! Who may do what. The rdkafka crate does not wrap these calls of librdkafka's.

use std::{
    ffi::{CStr, CString, c_char},
    ptr::{null, null_mut},
};

use rdkafka::{admin::AdminClient, client::DefaultClientContext};
use rdkafka_sys::{
    self as sys,
    rd_kafka_AclOperation_t::{
        RD_KAFKA_ACL_OPERATION_DESCRIBE, RD_KAFKA_ACL_OPERATION_READ, RD_KAFKA_ACL_OPERATION_WRITE,
    },
    rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
    rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
    rd_kafka_ResourceType_t::{RD_KAFKA_RESOURCE_GROUP, RD_KAFKA_RESOURCE_TOPIC},
};

use crate::kafka::client;

/// Something a user may do.
#[derive(Debug, Clone, Copy)]
pub enum Right<'a> {
    /// See that it is there, and where it ends.
    Describe(&'a str),
    /// And so describe it.
    Read(&'a str),
    Write(&'a str),
    /// Be one of the group and commit for it.
    Join(&'a str),
}

/// The rights of one user.
pub struct Rights {
    admin: AdminClient<DefaultClientContext>,
    principal: CString,
}

impl Rights {
    /// Of `User:NAME`. By a listener where everything is allowed.
    pub fn of(user: &str, brokers: &str) -> Self {
        let principal = CString::new(format!("User:{user}")).unwrap();
        Self { admin: client(brokers).create().unwrap(), principal }
    }

    pub fn give(&self, right: Right<'_>) {
        self.ask(right, |client, mut binding, queue| {
            // SAFETY: all of them live until the answer is there; the call copies the binding.
            unsafe { sys::rd_kafka_CreateAcls(client, &raw mut binding, 1, null(), queue) }
        });
    }

    pub fn take(&self, right: Right<'_>) {
        self.ask(right, |client, mut binding, queue| {
            // SAFETY: as above. A binding is a filter that fits itself alone.
            unsafe { sys::rd_kafka_DeleteAcls(client, &raw mut binding, 1, null(), queue) }
        });
    }

    fn ask(
        &self,
        right: Right<'_>,
        ask: impl FnOnce(*mut sys::rd_kafka_t, *mut sys::rd_kafka_AclBinding_t, *mut sys::rd_kafka_queue_t),
    ) {
        let client = self.admin.inner().native_ptr();
        // SAFETY: what is made here is used and destroyed here, while the client lives.
        unsafe {
            let binding = self.binding(right);
            let queue = sys::rd_kafka_queue_new(client);
            ask(client, binding, queue);
            let event = sys::rd_kafka_queue_poll(queue, 10_000);
            assert!(!event.is_null(), "no answer about {right:?}");
            let error = CStr::from_ptr(sys::rd_kafka_event_error_string(event)).to_string_lossy().into_owned();
            let well = sys::rd_kafka_event_error(event) == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
            assert!(well, "{right:?}: {error}");
            sys::rd_kafka_event_destroy(event);
            sys::rd_kafka_queue_destroy(queue);
            sys::rd_kafka_AclBinding_destroy(binding);
        }
    }

    fn binding(&self, right: Right<'_>) -> *mut sys::rd_kafka_AclBinding_t {
        let (kind, name, operation) = match right {
            Right::Describe(topic) => (RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_ACL_OPERATION_DESCRIBE),
            Right::Read(topic) => (RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_ACL_OPERATION_READ),
            Right::Write(topic) => (RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_ACL_OPERATION_WRITE),
            Right::Join(group) => (RD_KAFKA_RESOURCE_GROUP, group, RD_KAFKA_ACL_OPERATION_READ),
        };
        let name = CString::new(name).unwrap();
        // SAFETY: the texts live through the call, which copies them.
        let binding = unsafe {
            sys::rd_kafka_AclBinding_new(
                kind,
                name.as_ptr(),
                RD_KAFKA_RESOURCE_PATTERN_LITERAL,
                self.principal.as_ptr(),
                c"*".as_ptr(),
                operation,
                RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
                null_mut::<c_char>(),
                0,
            )
        };
        assert!(!binding.is_null(), "{right:?}");
        binding
    }
}

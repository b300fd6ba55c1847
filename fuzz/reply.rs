//! The body of a chat completion, as servers send it and as they should not.
#![no_main]

use auditdm::model::http;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    http::read(body);
});

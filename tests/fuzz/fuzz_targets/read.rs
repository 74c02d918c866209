//! Any bytes, from text to plan.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(runbook_fuzz::read(bytes)));

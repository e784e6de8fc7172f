//! Configuration files: any text gives settings, or problems that have a place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry::config;

fuzz_target!(|text: &str| {
    let Err(problems) = config::parse(text, "fuzz.yaml") else { return };
    assert!(!problems.list.is_empty(), "refused without a reason");
    // A lone CR ends a line in YAML too.
    let lines = text.split(['\n', '\r']).count() as u64;
    for problem in &problems.list {
        assert!((0..=lines).contains(&problem.line), "line {} of {lines}: {}", problem.line, problem.message);
        assert!(!problem.message.is_empty());
    }
    assert!(!problems.to_string().is_empty());
});

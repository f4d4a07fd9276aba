//! Any bytes as a file of questions; what parses keeps its promises.
#![no_main]

use std::collections::HashSet;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use plimsoll_lab::questions::parse;

fuzz_target!(|bytes: &[u8]| {
    // A folder that is not there: no picture is found in it.
    let items = match parse("q.jsonl", bytes, Path::new("/plimsoll-fuzz-no-such-folder")) {
        Ok(items) => items,
        Err(error) => return assert!(error.to_string().contains("`q.jsonl`")),
    };
    assert!(!items.is_empty());
    let ids: HashSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids.len(), items.len(), "models are paired by ids");
    for item in &items {
        assert!(!item.prompt.trim().is_empty() && item.max_tokens > 0 && item.scoring.chance() <= 0.5);
        let right = item.scoring.reference();
        assert!(!item.scoring.mark(&item.scoring.spoiled()), "{item:?} can be wrong");
        let _ = (item.scoring.mark(&right), item.scoring.mark(&item.prompt), item.scoring.wanted());
    }
});

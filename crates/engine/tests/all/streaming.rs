//! What a text stream promises, whatever the tokens are cut into.

use plimsoll_engine::TextStream;
use proptest::prelude::*;

/// Everything shown, and whether a stop string ended it.
fn shown(pieces: &[&[u8]], stops: &[&str]) -> (String, bool) {
    let mut stream = TextStream::new(stops.iter().map(|stop| stop.to_string()).collect());
    let mut text = String::new();
    for piece in pieces {
        let chunk = stream.push(piece);
        text.push_str(&chunk.text);
        if chunk.stopped {
            return (text, true);
        }
    }
    let last = stream.finish();
    (text + &last.text, last.stopped)
}

#[test]
fn a_character_split_over_four_tokens_appears_once_and_whole() {
    let ship = "🚢".as_bytes();
    let mut stream = TextStream::new(vec![]);
    let chunks: Vec<String> = ship.chunks(1).map(|byte| stream.push(byte).text).collect();
    assert_eq!(chunks, ["", "", "", "🚢"]);
}

#[test]
fn bytes_that_never_become_a_character_are_marked_and_hold_nothing_up() {
    assert_eq!(shown(&[b"a\xFF", b"b"], &[]), ("a\u{FFFD}b".into(), false));
    assert_eq!(shown(&[b"a\xE2\x82"], &[]), ("a\u{FFFD}".into(), false));
}

#[test]
fn a_stop_string_over_three_tokens_is_not_shown_and_the_text_before_it_is() {
    assert_eq!(shown(&[b"one <", b"|en", b"d|> two"], &["<|end|>"]), ("one ".into(), true));
}

#[test]
fn a_false_start_is_shown_after_all() {
    assert_eq!(shown(&[b"a <", b"|e", b"lse"], &["<|end|>"]), ("a <|else".into(), false));
    assert_eq!(shown(&[b"a <|en"], &["<|end|>"]), ("a <|en".into(), false));
}

#[test]
fn the_earliest_of_several_stops_wins() {
    assert_eq!(shown(&[b"abcdef"], &["ef", "cd"]), ("ab".into(), true));
}

fn cut(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec()).collect()
}

proptest! {
    #[test]
    fn text_without_stops_arrives_entire_however_it_is_cut(text in "\\PC{0,40}", cuts in prop::collection::vec(any::<usize>(), 0..12)) {
        let pieces = cut(text.as_bytes(), &cuts);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(shown(&pieces, &[]), (text, false));
    }

    #[test]
    fn any_bytes_read_as_the_standard_library_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..40), cuts in prop::collection::vec(any::<usize>(), 0..12)) {
        let pieces = cut(&bytes, &cuts);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(shown(&pieces, &[]).0, String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn stops_end_the_text_exactly_where_a_search_of_the_whole_would(
        text in "[ab<é]{0,30}",
        stops in prop::collection::vec("[ab<é]{1,4}", 1..4),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let pieces = cut(text.as_bytes(), &cuts);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
        let (found, stopped) = shown(&pieces, &stops);
        // The first stop to be complete ends the text; of those complete at the same byte, the earliest start.
        let first = stops.iter().filter_map(|stop| text.find(stop).map(|at| (at + stop.len(), at))).min();
        prop_assert_eq!(stopped, first.is_some());
        prop_assert_eq!(found, &text[..first.map_or(text.len(), |(_, start)| start)]);
    }
}

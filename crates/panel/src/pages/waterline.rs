//! The mark that says whether a model floats: a hull loaded to the height of its memory, beside the line that the device's
//! memory draws. What stays below the line floats.

use std::fmt::Write;

use plimsoll_lab::predict::before::{Floats, Range};

/// Size of the mark, in pixels.
const WIDTH: f64 = 34.0;
const HEIGHT: f64 = 30.0;
/// Where the line is, in pixels from above.
const LINE: f64 = 10.0;
/// Where the hull begins, in pixels from above.
const KEEL: f64 = 28.0;

/// The mark as SVG without a name: the word beside it says the same.
pub(super) fn waterline(memory: Option<Range>, room: Option<Range>, floats: Option<Floats>) -> String {
    let class = match floats {
        Some(Floats::Yes) => "floats",
        Some(Floats::Perhaps) => "perhaps",
        Some(Floats::No) => "sinks",
        None => "unknown",
    };
    let mut svg = format!(
        r#"<svg class="waterline {class}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">"#
    );
    if let (Some(memory), Some(room)) = (memory, room) {
        // The line stands for the least that the device may have; a load twice as high ends where the mark does.
        let height = |bytes: f64| ((KEEL - LINE) * bytes / room.low.max(1.0)).clamp(1.0, KEEL - 1.0);
        let (load, most) = (height(memory.low), height(memory.high));
        let _ = write!(
            svg,
            r#"<rect class="may" x="9" width="16" y="{:.1}" height="{most:.1}"/><rect class="load" x="9" width="16" y="{:.1}" height="{load:.1}"/>"#,
            KEEL - most,
            KEEL - load,
        );
    }
    let _ = write!(svg, r#"<path class="hull" d="M8 2V{KEEL}H26V2"/><path class="sea" d="M0 {LINE}H{WIDTH}"/></svg>"#);
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(memory: f64) -> f64 {
        let range = |n| Range { low: n, value: n, high: n };
        let svg = waterline(Some(range(memory)), Some(range(1e9)), Some(Floats::Yes));
        let at = svg.find(r#"class="load""#).unwrap();
        let rest = &svg[at..];
        let from = rest.find("y=\"").unwrap() + 3;
        rest[from..].split('"').next().unwrap().parse().unwrap()
    }

    #[test]
    fn what_takes_less_than_the_device_has_stays_below_the_line() {
        assert!(load(0.5e9) > LINE, "pixels are counted from above");
        assert!((load(1e9) - LINE).abs() < 0.1);
        assert!(load(2e9) < LINE);
    }

    #[test]
    fn the_mark_stays_in_its_frame_whatever_is_loaded() {
        for memory in [0.0, 1.0, 1e15] {
            assert!((0.0..=HEIGHT).contains(&load(memory)), "{memory}");
        }
    }

    #[test]
    fn without_figures_there_is_no_load() {
        assert!(!waterline(None, None, None).contains("load"));
    }
}

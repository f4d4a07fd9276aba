//! The gate's answer in the XML that build servers read.

use std::fmt::Write;

use super::{Gated, Standing};

/// One test suite with a test case for each rule; what is inconclusive counts as skipped. Build servers know no third
/// answer, so that the exit status is what tells it from a pass.
pub fn junit(gated: &Gated) -> String {
    let (failures, skipped) = (gated.count(Standing::Failed), gated.count(Standing::Inconclusive));
    let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\"", gated.rules.len());
    let suite = escaped(&format!("{} against {}", gated.model, gated.baseline));
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut line = |text: String| {
        let _ = writeln!(xml, "{text}"); // writing to a string does not fail
    };
    line(format!("<testsuites name=\"plimsoll gate\" {counts}>"));
    let (when, device) = (escaped(gated.created.trim_end_matches('Z')), escaped(&gated.device));
    line(format!("  <testsuite name=\"{suite}\" {counts} skipped=\"{skipped}\" timestamp=\"{when}\">"));
    line("    <properties>".to_owned());
    line(format!("      <property name=\"device\" value=\"{device}\"/>"));
    line(format!("      <property name=\"use\" value=\"{}\"/>", escaped(&gated.usage.to_string())));
    line("    </properties>".to_owned());
    for found in &gated.rules {
        let (name, asks) = (escaped(&found.rule), escaped(&found.asks));
        let message = escaped(&format!("{}: {}, {}", found.asks, found.found, found.why));
        let inside = match found.standing {
            Standing::Passed => format!("<system-out>{message}</system-out>"),
            Standing::Failed => format!("<failure type=\"{asks}\" message=\"{message}\"/>"),
            Standing::Inconclusive => format!("<skipped message=\"{message}\"/>"),
        };
        line(format!("    <testcase classname=\"plimsoll.gate\" name=\"{name}\">{inside}</testcase>"));
    }
    line("  </testsuite>".to_owned());
    line("</testsuites>".to_owned());
    xml
}

/// Text for an element or an attribute in double quotes. What XML 1.0 has no place for at all becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_that_a_name_holds_ends_its_attribute() {
        assert_eq!(escaped("a\"/><b> & \u{1b}[2J\n"), "a&quot;/&gt;&lt;b&gt; &amp; \u{fffd}[2J&#10;");
    }
}

//! Where people are, as far as licences tell places apart.

use crate::conditions::Answer;

/// Members of the European Union (ISO 3166-1 alpha-2), as of 2026.
const EU: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The code in upper case, if `text` has the form of one: two letters (ISO 3166-1), or `EU`.
///
/// ```
/// assert_eq!(plimsoll_catalog::region_code("de").as_deref(), Some("DE"));
/// assert_eq!(plimsoll_catalog::region_code("Germany"), None);
/// ```
pub fn region_code(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    (code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())).then_some(code)
}

/// Whether `place` lies in `region`; unknown where only a part of it does, or where it is no code.
pub(crate) fn lies_in(place: &str, region: &str) -> Answer {
    let (Some(place), Some(region)) = (region_code(place), region_code(region)) else { return Answer::Unknown };
    if place == region || (region == "EU" && EU.contains(&place.as_str())) {
        Answer::Yes
    } else if place == "EU" && EU.contains(&region.as_str()) {
        Answer::Unknown
    } else {
        Answer::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_lies_in_the_union_and_a_neighbour_does_not() {
        assert_eq!(lies_in("DE", "EU"), Answer::Yes);
        assert_eq!(lies_in("eu", "EU"), Answer::Yes);
        assert_eq!(lies_in("CH", "EU"), Answer::No);
        assert_eq!(lies_in("EU", "FR"), Answer::Unknown);
        assert_eq!(lies_in("the moon", "EU"), Answer::Unknown);
    }
}

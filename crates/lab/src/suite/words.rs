//! Short common English nouns that several categories draw from. Chosen here; no list was copied.

/// Lower-case nouns of three to six letters, all different.
pub(crate) const WORDS: &[&str] = &[
    "apple", "ant", "arrow", "bag", "ball", "bear", "bell", "bird", "boat", "book", "box", "bread", "bus", "cake",
    "camel", "cat", "chair", "clock", "cloud", "coat", "cow", "cup", "desk", "dog", "door", "drum", "duck", "eagle",
    "egg", "elbow", "farm", "fish", "flag", "fox", "frog", "garden", "gate", "goat", "grape", "hat", "hill", "horse",
    "house", "ice", "ink", "island", "jam", "jar", "jewel", "juice", "kettle", "key", "king", "kite", "lake", "lamp",
    "leaf", "lemon", "lion", "map", "milk", "moon", "mouse", "nail", "nest", "net", "night", "nut", "ocean", "olive",
    "onion", "orange", "owl", "paper", "pear", "pen", "piano", "pig", "plum", "queen", "quilt", "rain", "ring",
    "river", "road", "rose", "sail", "salt", "ship", "shoe", "star", "stone", "sun", "table", "tent", "tiger", "train",
    "tree", "uncle", "van", "vase", "violin", "wall", "water", "whale", "wheel", "wind", "wolf", "yard", "zebra",
    "zoo",
];

/// EmbeddingOverride names for sentences about a person.
pub(crate) const NAMES: &[&str] = &[
    "Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Ivy", "Jack", "Kate", "Leo", "Mary", "Nina",
    "Oscar", "Paul", "Rosa", "Sam", "Tom", "Vera",
];

#[cfg(test)]
mod tests {
    use super::WORDS;

    #[test]
    fn words_differ_and_are_lower_case() {
        let mut sorted = WORDS.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), WORDS.len());
        assert!(WORDS.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase()) && (3..=6).contains(&w.len())));
    }
}

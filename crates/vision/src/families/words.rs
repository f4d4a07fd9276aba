//! Whole numbers in English, as num2words 0.5 writes them: SmolVLM2's prompt names the number of frames.

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// `n` in words, below a million: "one thousand, two hundred and thirty-four".
pub(super) fn words(n: usize) -> String {
    match n {
        0..20 => SMALL[n].to_owned(),
        20..100 if n.is_multiple_of(10) => TENS[n / 10].to_owned(),
        20..100 => format!("{}-{}", TENS[n / 10], SMALL[n % 10]),
        100..1000 if n.is_multiple_of(100) => format!("{} hundred", SMALL[n / 100]),
        100..1000 => format!("{} hundred and {}", SMALL[n / 100], words(n % 100)),
        1000..1_000_000 => match n % 1000 {
            0 => format!("{} thousand", words(n / 1000)),
            rest @ 1..100 => format!("{} thousand and {}", words(n / 1000), words(rest)),
            rest => format!("{} thousand, {}", words(n / 1000), words(rest)),
        },
        _ => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn numbers_read_as_num2words_writes_them() {
        let expected = [
            (0, "zero"),
            (8, "eight"),
            (13, "thirteen"),
            (20, "twenty"),
            (64, "sixty-four"),
            (100, "one hundred"),
            (101, "one hundred and one"),
            (768, "seven hundred and sixty-eight"),
            (1000, "one thousand"),
            (1001, "one thousand and one"),
            (1100, "one thousand, one hundred"),
            (4096, "four thousand and ninety-six"),
            (12345, "twelve thousand, three hundred and forty-five"),
        ];
        for (n, text) in expected {
            assert_eq!(words(n), text);
        }
    }
}

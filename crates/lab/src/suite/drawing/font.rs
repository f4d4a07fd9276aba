//! Capital letters and digits of five by seven cells, drawn for this project.

/// Cells across a glyph.
pub(super) const COLUMNS: u32 = 5;
/// Cells down a glyph.
pub(super) const ROWS: u32 = 7;

/// The letters there are. I, O, Q, S, W and G are left out: at this resolution they resemble a digit or a neighbour.
pub(crate) const LETTERS: &str = "ABCDEFHJKLMNPRTUVXYZ";
/// The digits.
pub(crate) const DIGITS: &str = "0123456789";

/// Whether the cell in this column and row is inked; cells outside the glyph are not.
pub(super) fn ink(glyph: char, column: u32, row: u32) -> bool {
    let rows = rows(glyph);
    column < COLUMNS && row < ROWS && rows[row as usize].as_bytes()[column as usize] == b'#'
}

/// How many cells of a glyph are inked, in thousandths.
pub(super) fn fullness(glyph: char) -> u32 {
    let inked = rows(glyph).iter().flat_map(|row| row.bytes()).filter(|cell| *cell == b'#').count() as u32;
    1000 * inked / (COLUMNS * ROWS)
}

/// A glyph's rows from the top; one that the font lacks is empty.
#[rustfmt::skip]
fn rows(glyph: char) -> [&'static str; ROWS as usize] {
    match glyph {
        'A' => [" ### ", "#   #", "#   #", "#####", "#   #", "#   #", "#   #"],
        'B' => ["#### ", "#   #", "#   #", "#### ", "#   #", "#   #", "#### "],
        'C' => [" ####", "#    ", "#    ", "#    ", "#    ", "#    ", " ####"],
        'D' => ["#### ", "#   #", "#   #", "#   #", "#   #", "#   #", "#### "],
        'E' => ["#####", "#    ", "#    ", "#### ", "#    ", "#    ", "#####"],
        'F' => ["#####", "#    ", "#    ", "#### ", "#    ", "#    ", "#    "],
        'H' => ["#   #", "#   #", "#   #", "#####", "#   #", "#   #", "#   #"],
        'J' => ["    #", "    #", "    #", "    #", "    #", "#   #", " ### "],
        'K' => ["#   #", "#  # ", "# #  ", "##   ", "# #  ", "#  # ", "#   #"],
        'L' => ["#    ", "#    ", "#    ", "#    ", "#    ", "#    ", "#####"],
        'M' => ["#   #", "## ##", "# # #", "# # #", "#   #", "#   #", "#   #"],
        'N' => ["#   #", "##  #", "##  #", "# # #", "#  ##", "#  ##", "#   #"],
        'P' => ["#### ", "#   #", "#   #", "#### ", "#    ", "#    ", "#    "],
        'R' => ["#### ", "#   #", "#   #", "#### ", "# #  ", "#  # ", "#   #"],
        'T' => ["#####", "  #  ", "  #  ", "  #  ", "  #  ", "  #  ", "  #  "],
        'U' => ["#   #", "#   #", "#   #", "#   #", "#   #", "#   #", " ### "],
        'V' => ["#   #", "#   #", "#   #", "#   #", " # # ", " # # ", "  #  "],
        'X' => ["#   #", "#   #", " # # ", "  #  ", " # # ", "#   #", "#   #"],
        'Y' => ["#   #", "#   #", " # # ", "  #  ", "  #  ", "  #  ", "  #  "],
        'Z' => ["#####", "    #", "   # ", "  #  ", " #   ", "#    ", "#####"],
        '0' => [" ### ", "#   #", "#  ##", "# # #", "##  #", "#   #", " ### "],
        '1' => ["  #  ", " ##  ", "# #  ", "  #  ", "  #  ", "  #  ", "#####"],
        '2' => [" ### ", "#   #", "    #", "  ## ", " #   ", "#    ", "#####"],
        '3' => ["#### ", "    #", "    #", " ### ", "    #", "    #", "#### "],
        '4' => ["   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "],
        '5' => ["#####", "#    ", "#### ", "    #", "    #", "#   #", " ### "],
        '6' => ["  ## ", " #   ", "#    ", "#### ", "#   #", "#   #", " ### "],
        '7' => ["#####", "    #", "    #", "   # ", "  #  ", "  #  ", "  #  "],
        '8' => [" ### ", "#   #", "#   #", " ### ", "#   #", "#   #", " ### "],
        '9' => [" ### ", "#   #", "#   #", " ####", "    #", "   # ", " ##  "],
        _ => ["     "; ROWS as usize],
    }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, DIGITS, LETTERS, rows};

    #[test]
    fn glyphs_differ_and_fill_their_box() {
        let glyphs: Vec<_> = LETTERS.chars().chain(DIGITS.chars()).map(rows).collect();
        for (i, glyph) in glyphs.iter().enumerate() {
            assert!(glyph.iter().all(|row| row.len() == COLUMNS as usize && row.contains('#')), "{glyph:?}");
            assert!(!glyphs[..i].contains(glyph), "{glyph:?}");
        }
    }
}

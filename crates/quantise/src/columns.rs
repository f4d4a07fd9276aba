//! How much the columns of a tensor count, which an error of its values is weighed by.

use std::sync::Arc;

/// How much the columns of each row of a tensor count, in units of their mean. Rows of one matrix share them.
///
/// ```
/// use plimsoll_quantise::Columns;
/// let columns = Columns::of_matrices(2, [Some(vec![1.0, 3.0]), None]);
/// assert_eq!((columns.of_row(1), columns.of_row(2)), (Some(&[0.5, 1.5][..]), None));
/// assert_eq!(columns.missed(), (1, 2));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// The row behind the last of each matrix, and how much its columns count; nothing of one that nobody measured.
    matrices: Vec<(usize, Option<Arc<[f32]>>)>,
}

/// The share of the mean that every column counts at least: another text may use what this one did not.
const LEAST: f32 = 1e-3;

impl Columns {
    /// Of a stack of matrices of `rows` rows each.
    pub fn of_matrices(rows: usize, matrices: impl IntoIterator<Item = Option<Vec<f32>>>) -> Columns {
        let matrices = matrices.into_iter().enumerate();
        Columns { matrices: matrices.map(|(at, means)| ((at + 1) * rows, means.map(raised))).collect() }
    }

    /// Of a tensor whose rows are those of several, of which each has so many; `None` where nothing is known of any.
    pub fn joined(parts: impl IntoIterator<Item = (usize, Option<Columns>)>) -> Option<Columns> {
        let (mut matrices, mut first) = (Vec::new(), 0);
        for (rows, part) in parts {
            let own = part.map_or_else(|| vec![(rows, None)], |part| part.matrices);
            matrices.extend(own.into_iter().map(|(end, columns)| (first + end.min(rows), columns)));
            first += rows;
        }
        matrices.iter().any(|(_, columns)| columns.is_some()).then_some(Columns { matrices })
    }

    /// With `n` columns more in every row, which hold nothing and count nothing.
    #[must_use]
    pub fn followed_by(self, n: usize) -> Columns {
        let longer = |columns: Arc<[f32]>| columns.iter().copied().chain(std::iter::repeat_n(0.0, n)).collect();
        let matrices = self.matrices.into_iter().map(|(end, columns)| (end, columns.map(longer)));
        Columns { matrices: matrices.collect() }
    }

    /// How much the columns of a row count.
    pub fn of_row(&self, row: usize) -> Option<&[f32]> {
        let at = self.matrices.partition_point(|(end, _)| *end <= row);
        self.matrices[at].1.as_deref()
    }

    /// Matrices that nothing is known of, and of how many.
    pub fn missed(&self) -> (usize, usize) {
        (self.matrices.iter().filter(|(_, columns)| columns.is_none()).count(), self.matrices.len())
    }
}

/// In units of their mean, so that what is summed stays far from the ends of what a single holds.
fn raised(means: Vec<f32>) -> Arc<[f32]> {
    let mean = means.iter().map(|mean| f64::from(*mean)).sum::<f64>() / means.len() as f64;
    means.iter().map(|own| ((f64::from(*own) / mean) as f32).max(LEAST)).collect()
}

#[cfg(test)]
mod tests {
    use super::Columns;

    #[test]
    fn rows_of_a_fused_tensor_have_the_columns_of_their_part() {
        let part = |value: f32| Some(Columns::of_matrices(2, [Some(vec![value, 1.0])]));
        let joined = Columns::joined([(2, part(1.0)), (1, None), (2, part(3.0))]).unwrap();
        let first = |row| joined.of_row(row).map(|columns| columns[0]);
        assert_eq!([0, 1, 2, 3, 4].map(first), [Some(1.0), Some(1.0), None, Some(1.5), Some(1.5)]);
        assert_eq!(joined.missed(), (1, 3));
        assert_eq!(Columns::joined([(2, None), (1, None)]), None);
    }

    #[test]
    fn no_column_counts_nothing_but_those_that_fill_up() {
        let columns = Columns::of_matrices(1, [Some(vec![0.0, 2.0])]).followed_by(2);
        assert_eq!(columns.of_row(0), Some(&[1e-3, 2.0, 0.0, 0.0][..]));
    }
}

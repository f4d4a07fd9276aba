//! Attention of prompts on a level's matrix unit, as [`super::Attention`] and the unit see it.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // the only matrix unit so far is AMX

use std::ops::Range;

use super::{Attention, KvRows};
use crate::pool::Shareable;

/// Query rows of a task at most, unless one token's group has more: its queries and sums stay in the second-level cache
/// with a chunk of keys and values, which so many rows share.
const TASK_ROWS: usize = 256;
/// Query rows that a task has at least, if there are so many: for fewer, turning keys and values into tiles is the work.
const LEAST_ROWS: usize = 32;

/// Some tokens of a sequence and the heads of one group. Rows are in order of token, then of head within the group.
pub(crate) struct PromptTask<'a> {
    pub of: &'a Attention<'a>,
    pub k: &'a KvRows<'a>,
    pub v: &'a KvRows<'a>,
    /// What each of the tokens sees.
    pub spans: &'a [Range<usize>],
    pub kv_head: usize,
    /// Counted over all sequences.
    pub first_token: usize,
    /// `(n_tokens, n_heads * head_dim)`, of all sequences; the task writes what its tokens and heads have of it.
    pub out: Shareable<f32>,
}

impl PromptTask<'_> {
    pub fn rows(&self) -> usize {
        self.spans.len() * self.of.group()
    }

    /// Where query row `row`, and its result, lies in `q` and `out`.
    pub fn at(&self, row: usize) -> usize {
        let (group, shape) = (self.of.group(), self.of.shape);
        ((self.first_token + row / group) * shape.n_heads + self.kv_head * group + row % group) * shape.head_dim
    }
}

impl<'a> Attention<'a> {
    /// The tasks of a call: as many rows in each as keep the threads evenly busy.
    pub(super) fn prompt_tasks(&self, threads: usize, out: Shareable<f32>) -> Vec<PromptTask<'_>> {
        const TASKS_PER_THREAD: usize = 4;
        let group = self.group();
        let n_tokens: usize = self.sequences.iter().map(|sequence| sequence.spans.len()).sum();
        let even = n_tokens * self.shape.n_kv_heads / (TASKS_PER_THREAD * threads);
        let tokens = even.clamp(LEAST_ROWS.div_ceil(group), (TASK_ROWS / group).max(LEAST_ROWS.div_ceil(group)));
        let (mut tasks, mut first_token) = (Vec::new(), 0);
        for sequence in self.sequences {
            for spans in sequence.spans.chunks(tokens) {
                for kv_head in 0..self.shape.n_kv_heads {
                    let (k, v) = (&sequence.k, &sequence.v);
                    tasks.push(PromptTask { of: self, k, v, spans, kv_head, first_token, out });
                }
                first_token += spans.len();
            }
        }
        tasks
    }
}

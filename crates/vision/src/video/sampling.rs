//! Which frames of a video are looked at.

/// Seconds left out at either end of a long video (`skip_secs`).
const SKIPPED_SECONDS: f64 = 1.0;

/// At most how many frames, and how many of each second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameSampling {
    /// The most frames.
    pub max_frames: usize,
    /// Frames of each second, while there are not too many.
    pub fps: f64,
}

impl FrameSampling {
    /// Indices of the frames, ascending, of a video of `n_frames` > 0 frames at `fps` a second that lasts `duration`
    /// seconds.
    ///
    /// Source: `SmolVLMVideoProcessor.sample_frames`. Its condition for leaving out the ends multiplies the frames by the
    /// rate instead of dividing them; it is kept.
    pub fn frames(self, n_frames: usize, fps: f64, duration: f64) -> Vec<usize> {
        let last = n_frames.saturating_sub(1);
        let estimated = (self.fps * duration).round_ties_even();
        let wanted = (estimated as usize).min(self.max_frames).max(1);
        let (mut start, mut end) = (0, last);
        if duration - 2.0 * SKIPPED_SECONDS > self.max_frames as f64 * self.fps {
            start = (SKIPPED_SECONDS * fps) as usize;
            end = ((n_frames as f64 - SKIPPED_SECONDS * fps) as usize).min(last); // below 0 is 0
        }
        if start >= end {
            (start, end) = (0, last);
        }
        let mut frames = linspace(start, end, wanted);
        frames.dedup();
        frames
    }
}

/// NumPy's `linspace(start, end, n, dtype=int)`: the step is rounded first, the result cut off.
fn linspace(start: usize, end: usize, n: usize) -> Vec<usize> {
    let Some(gaps @ 1..) = n.checked_sub(1) else { return vec![start] };
    let step = (end - start) as f64 / gaps as f64;
    let mut values: Vec<usize> = (0..gaps).map(|i| (i as f64 * step + start as f64) as usize).collect();
    values.push(end);
    values
}

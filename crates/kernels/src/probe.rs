//! The machine's limits, measured: what a forecast of speed is made from.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`

use std::time::Instant;

use memmap2::MmapMut;

use crate::Cpu;
use crate::matmul::operands::Tile;
use crate::simd_level::SimdLevel;
use crate::unpack::F32;
use crate::vector::Vector;

/// Passes over the buffer, or over the arithmetic; the best counts, because everything else on the machine only slows.
const PASSES: usize = 5;

/// Bytes that [`read_bandwidth`] reads: so many that what a cache keeps from one pass to the next hardly counts (2 GiB
/// read as fast within 1 %). What a virtual machine reports of its cache is a whole socket's, so it is not asked.
const READ_BYTES: usize = 512 << 20;

/// Distances, in bytes, at which memory is asked for ahead of the reading. Some processors need it far ahead, others
/// lose by it: 16 KiB gives Zen 5 twice the speed and takes 6 % of Sapphire Rapids'.
const AHEAD: [usize; 3] = [1 << 10, 4 << 10, 16 << 10];

/// Bytes per second that all threads of `cpu` together read from memory, the best way that was found.
///
/// Reads 512 MiB, on large pages where the system gives them (a file in page cache lies on large pages too; small ones
/// cost a tenth of the speed); takes some tenths of a second.
///
/// # Panics
/// If there is no memory for it.
pub fn read_bandwidth(cpu: &Cpu) -> f64 {
    let mut buffer = MmapMut::map_anon(READ_BYTES).expect("memory to read");
    #[cfg(target_os = "linux")]
    let _ = buffer.advise(memmap2::Advice::HugePage); // refused is as good: the pages are small then
    // SAFETY: floats are valid whatever the bytes, and a page is aligned for them.
    let floats = unsafe { buffer.align_to_mut::<f32>().1 };
    let part = 1 << 18; // 1 MiB
    cpu.pool().chunks_mut(floats, part, |_, part| part.fill(1.0)); // a page never written is not read from memory
    let parts: Vec<&[f32]> = floats.chunks(part).collect();
    let seconds = AHEAD.map(|ahead| {
        best_of(PASSES, || {
            cpu.pool().run(parts.len(), |i| {
                // SAFETY: `cpu` exists, so its level is available.
                std::hint::black_box(unsafe { (cpu.kernels().sum)(parts[i], ahead / size_of::<f32>()) });
            });
        })
    });
    READ_BYTES as f64 / seconds.into_iter().fold(f64::INFINITY, f64::min)
}

/// Single-precision operations per second (a multiply-add counts two) of all threads of `cpu` at its level: of the tile
/// that prefill is made of, with its operands in the first-level cache.
pub fn arithmetic_rate(cpu: &Cpu) -> f64 {
    const TILES: usize = 1 << 15;
    let flops = (cpu.threads() * TILES * TILE_INPUTS * cpu.kernels().tile_sums * 2) as f64;
    let seconds = best_of(PASSES, || {
        cpu.pool().run(cpu.threads(), |_| {
            // SAFETY: `cpu` exists, so its level is available.
            unsafe { (cpu.kernels().multiply_tiles)(TILES) };
        });
    });
    flops / seconds
}

/// Operations per second (a multiply-add counts two) of all threads of `cpu` on bf16 operands in the first-level cache;
/// `None` where its level has no matrix unit.
pub fn matrix_rate(cpu: &Cpu) -> Option<f64> {
    const BLOCKS: usize = 1 << 10;
    let unit = cpu.kernels().matrix_unit.as_ref()?;
    let seconds = best_of(PASSES, || {
        cpu.pool().run(cpu.threads(), |_| {
            // SAFETY: `cpu` exists, so its level is available.
            unsafe { (unit.multiply_blocks)(BLOCKS) };
        });
    });
    Some((cpu.threads() * BLOCKS * unit.block_operations) as f64 / seconds)
}

fn best_of(passes: usize, mut work: impl FnMut()) -> f64 {
    (0..passes)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

/// How often faster than from memory a cache must be read to count as one: a matter of bandwidth, which other programs
/// share, so a little more is chance.
const CACHED: f64 = 1.5;

/// Bytes that stay in cache while they are read again and again: the largest of some sizes, from 1 MiB to 128 MiB, that
/// all threads of `cpu` together read at 1.5 times `read_bandwidth` at least; 0 if none is. What the system
/// reports is not asked: in a virtual machine it is a whole socket's cache, which others use too.
///
/// # Panics
/// If there is no memory for it.
pub fn cached_bytes(cpu: &Cpu, read_bandwidth: f64) -> usize {
    const MOST: usize = 128 << 20;
    let values = vec![1.0f32; MOST / size_of::<f32>()];
    let fast = |bytes: &usize| {
        let values = &values[..bytes / size_of::<f32>()];
        let parts: Vec<&[f32]> = values.chunks(values.len().div_ceil(4 * cpu.threads())).collect();
        let seconds = best_of(PASSES, || {
            cpu.pool().run(parts.len(), |i| {
                // SAFETY: `cpu` exists, so its level is available.
                std::hint::black_box(unsafe { (cpu.kernels().sum)(parts[i], AHEAD[0] / size_of::<f32>()) });
            });
        });
        *bytes as f64 / seconds > CACHED * read_bandwidth
    };
    (20..=27).map(|power| 1 << power).take_while(fast).last().unwrap_or(0)
}

/// The sum of all values, in four running registers, memory being asked for `ahead` values before it is read.
#[inline(always)]
pub(crate) unsafe fn sum<V: Vector>(values: &[f32], ahead: usize) -> f32 {
    let mut sums = [V::zero(); 4];
    let mut at = 0;
    while at + 4 * V::LANES <= values.len() {
        let mut i = 0;
        while i < 4 {
            V::prefetch(values.as_ptr().wrapping_add(at + ahead + i * V::LANES).cast());
            sums[i] = sums[i].add(V::load(values.as_ptr().add(at + i * V::LANES)));
            i += 1;
        }
        at += 4 * V::LANES;
    }
    sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum()
}

/// Inputs of a probed tile: its operands fit any first-level cache.
const TILE_INPUTS: usize = 512;

/// Multiplies the level's full tile `tiles` times.
#[inline(always)]
pub(crate) unsafe fn multiply_tiles<L: SimdLevel>(tiles: usize) {
    let operands = [0.5f32; 10 * (TILE_INPUTS + 16)]; // a row's start in another cache set than the one before
    let mut sums = [0.0f32; 24 * 16];
    assert!(L::TILE_ROWS + L::TILE_TOKENS <= 10 && L::TILE_ROWS * L::TILE_TOKENS <= 24 && L::LANES <= 16);
    let tile = Tile {
        w: operands.as_ptr().cast(),
        w_stride: (TILE_INPUTS + 16) * 4,
        x: operands.as_ptr().add(L::TILE_ROWS * (TILE_INPUTS + 16)),
        x_stride: TILE_INPUTS + 16,
        k: TILE_INPUTS,
        out: std::ptr::null_mut(),
        out_stride: 0,
        carry: sums.as_mut_ptr(),
        carry_stride: L::TILE_ROWS * L::LANES,
        first: false,
        last: false,
    };
    let mut done = 0;
    while done < tiles {
        L::microkernel::<F32>(&tile, L::TILE_ROWS, L::TILE_TOKENS);
        done += 1;
    }
    std::hint::black_box(sums);
}

//! Values that `bench/quantise_error.py --reference` makes too, bit for bit.

/// Numbers of SplitMix64. Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let a = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let b = (a ^ a >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        b ^ b >> 31
    }

    /// Nearly Gaussian: four uniform numbers of 20 bits, whose sum is exact.
    pub fn smooth(&mut self) -> f32 {
        let sum: i64 = (0..4).map(|_| (self.next() >> 44) as i64).sum();
        (sum - (2 << 20)) as f32 / (1 << 24) as f32
    }

    /// The same with one value in two twice as wide, one in four four times, and so on up to 32.
    pub fn tailed(&mut self) -> f32 {
        let value = self.smooth();
        value * (1 << self.next().trailing_zeros().min(5)) as f32
    }

    /// A power of two from 1/8 to 4.
    pub fn weight(&mut self) -> f32 {
        (1 << (self.next() % 6)) as f32 / 8.0
    }
}

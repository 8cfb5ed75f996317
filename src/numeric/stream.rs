//! Private random streams, one a chunk of work.

use rand::{Rng, RngCore};

/// SplitMix64 (Steele, Lea and Flood 2014): one 64-bit state, each value a bijective hash of a counter.
///
/// Parallel code gives every fixed-size chunk a stream seeded from the caller's generator, so that results depend on the chunk and not
/// on the thread. Its period of 2^64 and its quality (it passes BigCrush) are ample for Monte Carlo.
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    /// A stream whose seed is the next value of `rng`.
    pub(crate) fn fork(rng: &mut (impl RngCore + ?Sized)) -> Self {
        Self(rng.next_u64())
    }

    /// The `index`-th of many streams that share a seed.
    pub(crate) fn nth(seed: u64, index: u64) -> Self {
        let mut root = Self(seed ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03));
        Self(root.next_u64())
    }
}

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let value = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&value[..chunk.len()]);
        }
    }
}

/// `count` different indices below `n` in random order (a partial Fisher–Yates shuffle). `count` ≤ n.
///
/// Not `rand::seq::index::sample`: that draws another sequence from the same stream, which would move every number trained from a seed.
pub(crate) fn distinct_indices(n: usize, count: usize, rng: &mut (impl RngCore + ?Sized)) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    for i in 0..count.min(n) {
        let j = rng.random_range(i..n);
        all.swap(i, j);
    }
    all.truncate(count);
    all
}

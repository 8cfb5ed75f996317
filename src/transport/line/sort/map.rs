//! Monotone maps from finite floats to cells.

/// A nondecreasing map from finite floats to cells.
pub(super) trait Map: Copy {
    /// The cell of a key.
    fn cell(self, v: f64) -> u16;
}

/// The integer nearest to 0 ≤ x < 2^16: added to 2^52, its bits end the significand. Unlike a cast, this is one vector instruction.
#[inline(always)]
fn nearest(x: f64) -> u16 {
    const UNIT: f64 = (1_u64 << 52) as f64;
    (x + UNIT).to_bits() as u16
}

/// Cells (1 + t/(1 + |t|))/2 of their number, t = (v − centre) · scale.
#[derive(Clone, Copy)]
pub(super) struct Levelled {
    centre: f64,
    scale: f64,
    half: f64,
}

impl Levelled {
    /// By the median and the quartiles of some keys in increasing order: for normal keys the fullest cells are about twice as full as the mean.
    pub(super) fn new(probes: &[f64], cells: usize) -> Self {
        let quarter = probes.len() / 4;
        let spread = 0.7 * (probes[3 * quarter] - probes[quarter]);
        // Positive and finite, so that t is never NaN.
        Self { centre: probes[2 * quarter], scale: spread.recip().clamp(f64::MIN_POSITIVE, f64::MAX), half: 0.5 * cells as f64 }
    }
}

impl Map for Levelled {
    #[inline(always)]
    fn cell(self, v: f64) -> u16 {
        let t = (v - self.centre) * self.scale;
        // |t|/(1 + |t|), every operation of which is monotone.
        let level = 1.0 - 1.0 / (1.0 + t.abs());
        nearest(self.half + (self.half * level).copysign(t))
    }
}

/// Cells in proportion to the value.
#[derive(Clone, Copy)]
pub(super) struct Linear {
    low: f64,
    scale: f64,
}

impl Linear {
    /// From `low` to `high`, whose distance is positive and finite.
    pub(super) fn new(low: f64, high: f64, cells: usize) -> Self {
        // The quotient overflows where the distance is subnormal; any smaller scale serves.
        Self { low, scale: (cells as f64 / (high - low)).min(f64::MAX) }
    }
}

impl Map for Linear {
    #[inline(always)]
    fn cell(self, v: f64) -> u16 {
        nearest((v - self.low) * self.scale)
    }
}

/// Cells in proportion to the bits of the float, which grow as the logarithm of the value.
#[derive(Clone, Copy)]
pub(super) struct Logarithmic {
    low: u64,
    shift: u32,
}

impl Logarithmic {
    /// From `low` to `high`.
    pub(super) fn new(low: f64, high: f64, cells: usize) -> Self {
        let (low, high) = (ordered(low), ordered(high));
        let shift = ((high - low + 1).ilog2() + 1).saturating_sub(cells.ilog2());
        Self { low, shift }
    }
}

impl Map for Logarithmic {
    #[inline(always)]
    fn cell(self, v: f64) -> u16 {
        ((ordered(v) - self.low) >> self.shift) as u16
    }
}

/// An integer whose order is that of `f64::total_cmp`, with −0 taken for 0.
#[inline(always)]
fn ordered(v: f64) -> u64 {
    let bits = (v + 0.0).to_bits();
    bits ^ (((bits.cast_signed() >> 63).cast_unsigned() >> 1) | (1 << 63))
}

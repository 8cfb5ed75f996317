//! Sorting of finite floats by distribution into cells.
//!
//! A monotone map sends the keys to about as many cells as there are keys; counting, running sums of the counts and one pass that
//! writes every key into its cell order the cells, and what stands in one cell is then ordered by a few exchanges of neighbours. A map of
//! rounded operations that are each monotone is monotone itself, so the result is exact whatever the law of the keys: how even the cells are
//! decides the time alone.
//!
//! The first map is t/(1 + |t|), t the key centred and scaled by quartiles of a few of them, which levels bulk and tails up to Cauchy's. A cell
//! of many keys is distributed again, in proportion to the value, or to the bits of the float where one cell held most keys (bits grow as
//! the logarithm of the value: tails of any weight, and poles). Large samples take a first round of coarse cells, so that the second works in
//! the cache. Time is O(n) for laws of bounded density; the number of rounds is capped, and the standard library's
//! O(n log n) sort ends what is left.

mod map;
#[cfg(test)]
mod tests;

use crate::float::Float;
use crate::numeric::vector::vectorised;
use map::{Levelled, Linear, Logarithmic, Map};
use std::cmp::Ordering;

/// Below so many keys the standard library's sort is the faster one.
const SMALL: usize = 200;
/// Up to so many keys there is a cell for each: counts, keys and their target fit a cache of half a megabyte.
const FINE: usize = 1 << 14;
/// Keys of a coarse cell, for samples beyond [`FINE`].
const COARSE: usize = 1024;
/// The largest number of cells; their indices are `u16`.
const CELLS: usize = 60_000;
/// Cells of more keys than this are distributed again; smaller ones are ordered by insertion.
const CROWDED: u32 = 16;
/// Rounds of distribution before the standard library's sort takes over.
const ROUNDS: u8 = 3;
/// Keys that are looked at to choose the first map.
const PROBES: usize = 32;

/// Memory for sorting one sample after another.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    copy: Vec<f64>,
    cells: Vec<u16>,
    counts: Vec<u32>,
    crowded: Vec<Piece>,
}

/// A range of positions that holds the right keys, in an order to be found.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: u32,
    len: u32,
    round: u8,
    /// Whether it is most of the piece it comes from, so that its map did not serve.
    stuck: bool,
}

impl Sorter {
    /// Writes the keys, which must be finite, to `sorted` in increasing order; 0 and −0 count as equal.
    pub(super) fn sort<F: Float>(&mut self, keys: &[F], sorted: &mut Vec<f64>) {
        if keys.len() <= SMALL || u32::try_from(keys.len()).is_err() || monotone(keys) {
            sorted.clear();
            sorted.extend(keys.iter().map(|v| v.as_f64()));
            compare(sorted);
            return;
        }
        sorted.resize(keys.len(), 0.0);
        let whole = Piece { start: 0, len: keys.len() as u32, round: 0, stuck: false };
        let cells = cells(keys.len());
        self.distribute(keys, sorted, whole, cells, Levelled::new(&probes(keys), cells));
        while let Some(piece) = self.crowded.pop() {
            let range = piece.start as usize..(piece.start + piece.len) as usize;
            self.refine(&mut sorted[range], piece);
        }
    }

    /// Orders a piece, but for crowded cells, which are pushed.
    fn refine(&mut self, keys: &mut [f64], piece: Piece) {
        if keys.len() <= SMALL || piece.round >= ROUNDS {
            return compare(keys);
        }
        let (low, high) = range(keys);
        if low == high {
            return;
        }
        let mut copy = std::mem::take(&mut self.copy);
        copy.clear();
        copy.extend_from_slice(keys);
        let cells = cells(keys.len());
        if piece.stuck || high - low == f64::INFINITY {
            self.distribute(&copy, keys, piece, cells, Logarithmic::new(low, high, cells));
        } else {
            self.distribute(&copy, keys, piece, cells, Linear::new(low, high, cells));
        }
        self.copy = copy;
    }

    /// Writes the keys `from` to `to` by cells of `map`, 0 to `cells`, orders within them, and pushes crowded ones.
    fn distribute<F: Float>(&mut self, from: &[F], to: &mut [f64], piece: Piece, cells: usize, map: impl Map) {
        self.cells.resize(from.len(), 0);
        self.counts.clear();
        self.counts.resize(cells + 1, 0);
        let (index, counts) = (&mut self.cells[..], &mut self.counts[..]);
        vectorised(|_| {
            for (cell, v) in index.iter_mut().zip(from) {
                *cell = map.cell(v.as_f64());
            }
        });
        count(index, counts);
        let first = self.crowded.len();
        if largest(counts) > CROWDED {
            crowded(counts, piece, &mut self.crowded);
        }
        accumulate(counts);
        scatter(from, index, counts, to);
        let mut done = 0;
        for cell in &self.crowded[first..] {
            let start = (cell.start - piece.start) as usize;
            tidy(&mut to[done..start]);
            done = start + cell.len as usize;
        }
        tidy(&mut to[done..]);
    }
}

/// Whether the keys do not decrease or do not increase, where the standard library's sort takes no time; settled by the first few of random keys.
fn monotone<F: Float>(keys: &[F]) -> bool {
    keys.is_sorted() || keys.iter().rev().is_sorted()
}

/// The number of cells for so many keys.
fn cells(keys: usize) -> usize {
    if keys <= FINE { keys } else { (keys / COARSE).min(CELLS) }
}

/// A few keys, evenly spaced, in increasing order.
fn probes<F: Float>(keys: &[F]) -> [f64; PROBES] {
    let step = keys.len() / (2 * PROBES);
    let mut probes = std::array::from_fn(|k| keys[(2 * k + 1) * step].as_f64());
    compare(&mut probes);
    probes
}

/// Adds up the keys of each cell.
#[inline(never)]
fn count(index: &[u16], counts: &mut [u32]) {
    for &cell in index {
        counts[usize::from(cell)] += 1;
    }
}

fn largest(counts: &[u32]) -> u32 {
    vectorised(|_| {
        let mut most = 0;
        for &count in counts {
            most = if count > most { count } else { most };
        }
        most
    })
}

/// Pushes the crowded cells, in increasing order.
fn crowded(counts: &[u32], of: Piece, found: &mut Vec<Piece>) {
    let mut start = of.start;
    for &len in counts {
        if len > CROWDED {
            found.push(Piece { start, len, round: of.round + 1, stuck: len > of.len / 8 * 5 });
        }
        start += len;
    }
}

/// Counts to positions of the cells' first keys.
#[inline(never)]
fn accumulate(counts: &mut [u32]) {
    let mut start = 0;
    for count in counts {
        start += std::mem::replace(count, start);
    }
}

/// Writes every key to the next position of its cell. A function of its own, so that no pointer is read again for every key.
#[inline(never)]
fn scatter<F: Float>(from: &[F], index: &[u16], next: &mut [u32], to: &mut [f64]) {
    for (v, &cell) in from.iter().zip(index) {
        let position = &mut next[usize::from(cell)];
        to[*position as usize] = v.as_f64();
        *position += 1;
    }
}

/// Orders keys that are near their positions: two rounds of exchanges of neighbours without branches leave little to insertion.
fn tidy(keys: &mut [f64]) {
    if keys.len() < 2 {
        return;
    }
    vectorised(|_| {
        for _ in 0..2 {
            exchange(keys);
            exchange(&mut keys[1..]);
        }
    });
    for i in 1..keys.len() {
        let key = keys[i];
        let mut j = i;
        while j > 0 && key < keys[j - 1] {
            keys[j] = keys[j - 1];
            j -= 1;
        }
        keys[j] = key;
    }
}

/// Orders the keys of each pair of neighbours.
#[inline(always)]
fn exchange(keys: &mut [f64]) {
    let (blocks, rest) = keys.as_chunks_mut::<8>();
    for block in blocks {
        let (mut low, mut high) = ([0.0; 4], [0.0; 4]);
        for k in 0..4 {
            (low[k], high[k]) = (lesser(block[2 * k + 1], block[2 * k]), greater(block[2 * k + 1], block[2 * k]));
        }
        for k in 0..4 {
            (block[2 * k], block[2 * k + 1]) = (low[k], high[k]);
        }
    }
    for pair in rest.as_chunks_mut::<2>().0 {
        *pair = [lesser(pair[1], pair[0]), greater(pair[1], pair[0])];
    }
}

/// The lesser key, the second of two equal ones: one instruction, as NaN need not be thought of.
#[inline(always)]
fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The greater key, the first of two equal ones, so that [`exchange`] loses neither 0 nor −0.
#[inline(always)]
pub(super) fn greater(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// The least and the greatest key.
fn range(keys: &[f64]) -> (f64, f64) {
    vectorised(|_| {
        let (mut low, mut high) = ([f64::INFINITY; 8], [f64::NEG_INFINITY; 8]);
        let (blocks, rest) = keys.as_chunks::<8>();
        for block in blocks {
            for k in 0..8 {
                (low[k], high[k]) = (lesser(block[k], low[k]), greater(block[k], high[k]));
            }
        }
        let least = low.iter().chain(rest).fold(f64::INFINITY, |a, &b| lesser(a, b));
        (least, high.iter().chain(rest).fold(f64::NEG_INFINITY, |a, &b| greater(a, b)))
    })
}

/// The standard library's sort.
fn compare(keys: &mut [f64]) {
    keys.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
}

//! W_p between samples on the line: sort, then pair quantiles.

use crate::error::{Empty, check_finite, check_range, check_some};
use crate::float::Float;
use crate::numeric::parallel;
use crate::numeric::special::sum::Sum;
use crate::numeric::vector::vectorised;
use crate::transport::check::{CLOUDS, Names};
use crate::transport::line::sort::{Sorter, greater};
use crate::transport::order::Order;
use crate::transport::{Line, Measure, TransportError, check};
use ndarray::{ArrayView1, Axis};
use std::borrow::Cow;

impl Line {
    /// W_p between two samples on the line, of any sizes, weighted or not.
    ///
    /// # Errors
    /// A sample is empty, holds NaN or ∞ or has more than one column; the distance is beyond the range of `f64`; weights that are not one a
    /// point, nonnegative, finite and of sum one (within [`weight_tolerance`](crate::error::weight_tolerance)).
    ///
    /// # Accuracy
    /// With equal weights a few ulp, whatever the sizes: quantile intervals are counted in integers, sums are compensated, powers are scaled so
    /// that nothing overflows at any p. Otherwise relative 1e−14 as a rule: mass is accumulated from both ends towards the median, so that a far
    /// point of tiny weight keeps its digits; a gap inside the sample costs 1e−16 of all mass, the rounding of the weights themselves. Where that
    /// matters (p > 1, weighted samples that are close but for a gap) [`NetworkSimplex`](crate::transport::NetworkSimplex) has bounds. O(n) for laws
    /// of bounded density, at most O(n log n); 8 bytes a point and at most 14 more for the sort. The two samples are sorted side by side, which
    /// does not change the result.
    ///
    /// ```
    /// use onestep::transport::{Line, Measure};
    /// // Unequal sizes: one point at 0 against mass 1/3 at each of 0, 1, 2.
    /// let w = Line::new(2.0)?.samples(&[0.0], &[2.0, 0.0, 1.0])?;
    /// assert!((w - (5.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    /// let w = Line::new(1.0)?.samples(Measure::weighted(&[0.0, 1.0], &[0.75, 0.25]), &[0.0])?;
    /// assert_eq!(w, 0.25);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn samples<'a, 'b, F: Float>(&self, x: impl Into<Measure<'a, F>>, y: impl Into<Measure<'b, F>>) -> Result<f64, TransportError> {
        let (x, y) = (x.into(), y.into());
        let [first, second] = CLOUDS;
        let [px, py] = [column(&first, x)?, column(&second, y)?];
        if x.weights().is_none() && y.weights().is_none() {
            let [mut left, mut right] = <[Sorted; 2]>::default();
            let (x, y) = parallel::join(|| left.read(first.cloud, &px), || right.read(second.cloud, &py));
            x.and(y)?;
            let unit = unit([&left, &right].into_iter().flat_map(|s| [s.values.first(), s.values.last()]).flatten());
            if unit > 1.0 {
                [&mut left, &mut right].into_iter().for_each(|s| s.values.iter_mut().for_each(|v| *v /= unit));
            }
            return representable(unit * self.between(&left, &right));
        }
        let unit = unit(px.iter().chain(py.iter()).map(|v| v.as_f64()).collect::<Vec<_>>().iter());
        let [px, py] = [px, py].map(|p| p.iter().map(|v| v.as_f64() / unit).collect::<Vec<_>>());
        representable(unit * self.weighted(&px, &check::masses(&first, x)?, &py, &check::masses(&second, y)?)?)
    }

    /// W_p between two samples with equal weights, of any sizes.
    pub(in crate::transport) fn between(self, x: &Sorted, y: &Sorted) -> f64 {
        let (n, m) = (x.values.len(), y.values.len());
        if n == m {
            return paired(self.order, &x.values, &y.values);
        }
        self.merged(|visit| merge_counts(n, m, &mut |i, j, mass| visit(x.values[i] - y.values[j], mass)))
    }

    /// W_p between two samples with weights of sum one.
    pub(in crate::transport) fn weighted<F: Float>(self, x: &[F], a: &[f64], y: &[F], b: &[f64]) -> Result<f64, TransportError> {
        let x = sorted_with_weights(CLOUDS[0].cloud, x, a)?;
        let y = sorted_with_weights(CLOUDS[1].cloud, y, b)?;
        Ok(self.merged(|visit| {
            merge_half(x.iter(), y.iter(), visit);
            merge_half(x.iter().rev(), y.iter().rev(), visit);
        }))
    }

    /// (Σ mass |gap|^p)^{1/p} over the pairs that `merge` visits, scaled by the largest gap.
    fn merged(self, merge: impl Fn(&mut dyn FnMut(f64, f64))) -> f64 {
        let mut largest = 0.0_f64;
        merge(&mut |gap, mass| {
            if mass > 0.0 {
                largest = largest.max(gap.abs());
            }
        });
        if !(largest > 0.0 && largest.is_finite()) {
            return largest;
        }
        let (mut cost, mut total) = (Sum::default(), Sum::default());
        merge(&mut |gap, mass| {
            cost.add(mass * self.order.power(gap / largest));
            total.add(mass);
        });
        largest * self.order.root(cost.value() / total.value())
    }
}

/// A power of two by which points are divided, so that neither their differences nor sums of these overflow: 1 but for huge ones.
fn unit<'a>(points: impl Iterator<Item = &'a f64>) -> f64 {
    if points.fold(0.0, |most: f64, v| if v.abs() > most { v.abs() } else { most }) > HUGE { SHRINK } else { 1.0 }
}

/// Points larger than this are divided by [`SHRINK`].
const HUGE: f64 = 1e290;
/// 2⁶⁴.
const SHRINK: f64 = 18_446_744_073_709_551_616.0;

/// The distance, unless it is beyond `f64`.
fn representable(distance: f64) -> Result<f64, TransportError> {
    Ok(check_range("the distance", distance, distance.is_finite(), "the range of f64")?)
}

/// The only column of a sample.
fn column<'a, F: Float>(names: &Names, x: Measure<'a, F>) -> Result<Cow<'a, [F]>, TransportError> {
    let points = x.points();
    match points.ncols() {
        1 => Ok(points.to_slice().map_or_else(|| points.iter().copied().collect(), Cow::Borrowed)),
        0 => Err(Empty { name: names.cloud }.into()),
        columns => Err(TransportError::NotOnALine { name: names.cloud, columns }),
    }
}

/// Checks that there are points, all finite.
fn check_points<F: Float>(name: &'static str, x: &[F]) -> Result<(), TransportError> {
    check_some(name, x)?;
    if vectorised(|_| check::all_finite(x.iter())) {
        return Ok(());
    }
    Ok(check_finite(name, &ArrayView1::from(x).insert_axis(Axis(1)))?)
}

/// Points in increasing order. Its memory serves one sample after another. A sample is sorted on one thread: two at a time keep two busy.
#[derive(Debug, Default)]
pub(in crate::transport) struct Sorted {
    values: Vec<f64>,
    sorter: Sorter,
}

impl Sorted {
    /// Takes the points of a sample, which must be finite.
    pub(in crate::transport) fn read<F: Float>(&mut self, name: &'static str, x: &[F]) -> Result<(), TransportError> {
        check_points(name, x)?;
        self.sorter.sort(x, &mut self.values);
        Ok(())
    }
}

/// The points in increasing order.
pub(super) fn sorted<F: Float>(name: &'static str, x: &[F]) -> Result<Vec<f64>, TransportError> {
    let mut sorted = Sorted::default();
    sorted.read(name, x)?;
    Ok(sorted.values)
}

fn sorted_with_weights<F: Float>(name: &'static str, x: &[F], weights: &[f64]) -> Result<Vec<(f64, f64)>, TransportError> {
    check_points(name, x)?;
    let mut points: Vec<(f64, f64)> = x.iter().map(|v| v.as_f64()).zip(weights.iter().copied()).collect();
    // Ties are ordered by weight, so that the order of the input does not change a digit.
    points.sort_unstable_by(|p, q| p.0.total_cmp(&q.0).then(p.1.total_cmp(&q.1)));
    Ok(points)
}

/// Points of one piece of a parallel sum.
const CHUNK: usize = 1 << 15;

/// (1/n Σ |x_i − y_i|^p)^{1/p} of sorted samples of equal size.
fn paired(order: Order, x: &[f64], y: &[f64]) -> f64 {
    let each = |term: &(dyn Fn(&[f64], &[f64]) -> f64 + Sync)| {
        let pieces: Vec<_> = x.chunks(CHUNK).zip(y.chunks(CHUNK)).collect();
        parallel::map(pieces.len(), |k| term(pieces[k].0, pieces[k].1))
    };
    let mean = |term: &(dyn Fn(&[f64], &[f64]) -> f64 + Sync)| each(term).into_iter().collect::<Sum>().value() / x.len() as f64;
    if order.value() == 1.0 {
        return mean(&|x, y| vectorised(|_| lanes_sum(x, y, f64::abs)));
    }
    let largest = each(&|x, y| vectorised(|_| largest_gap(x, y))).into_iter().fold(0.0, f64::max);
    if !(largest > 0.0 && largest.is_finite()) {
        return largest;
    }
    if order == Order::TWO {
        // Powers of two scale without rounding.
        let unit = f64::from_bits(largest.to_bits() & f64::INFINITY.to_bits()).max(f64::MIN_POSITIVE);
        let inverse = unit.recip();
        return unit * mean(&|x, y| vectorised(|_| lanes_sum(x, y, |gap| (gap * inverse) * (gap * inverse)))).sqrt();
    }
    largest * order.root(mean(&|x, y| lanes_sum(x, y, |gap| order.power(gap / largest))))
}

/// Lanes of a sum or maximum: their order of operations is the same on every processor.
const LANES: usize = 8;

/// max |x_i − y_i|.
#[inline(always)]
fn largest_gap(x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let ((x, rest_x), (y, rest_y)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x.iter().zip(y) {
        for k in 0..LANES {
            lanes[k] = greater((x[k] - y[k]).abs(), lanes[k]);
        }
    }
    let rest = rest_x.iter().zip(rest_y).map(|(x, y)| (x - y).abs());
    rest.chain(lanes).fold(0.0, greater)
}

/// Σ f(x_i − y_i), in lanes of short blocks, the blocks' sums compensated.
#[inline(always)]
fn lanes_sum(x: &[f64], y: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    const BLOCK: usize = 256;
    let mut total = Sum::default();
    for (x, y) in x.chunks(BLOCK).zip(y.chunks(BLOCK)) {
        let mut lanes = [0.0; LANES];
        let ((x, rest_x), (y, rest_y)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        for (x, y) in x.iter().zip(y) {
            for k in 0..LANES {
                lanes[k] += f(x[k] - y[k]);
            }
        }
        let rest: f64 = rest_x.iter().zip(rest_y).map(|(x, y)| f(x - y)).sum();
        total.add(lanes.iter().sum::<f64>() + rest);
    }
    total.value()
}

/// Visits (i, j, mass) of the pairing of sorted points with equal weights: in units of 1/(n m), x_i covers m units and y_j covers n.
fn merge_counts(x: usize, y: usize, visit: &mut dyn FnMut(usize, usize, f64)) {
    let (n, m) = (x as u128, y as u128);
    let (mut i, mut j, mut at) = (0, 0, 0_u128);
    while i < x && j < y {
        let (end_x, end_y) = ((i as u128 + 1) * m, (j as u128 + 1) * n);
        let end = end_x.min(end_y);
        visit(i, j, (end - at) as f64);
        at = end;
        i += usize::from(end == end_x);
        j += usize::from(end == end_y);
    }
}

/// Visits (x_i − y_j, mass) over the first half of the mass, in the order in which the points come.
fn merge_half<'a>(
    mut x: impl Iterator<Item = &'a (f64, f64)>,
    mut y: impl Iterator<Item = &'a (f64, f64)>,
    visit: &mut dyn FnMut(f64, f64),
) {
    let (mut mass_x, mut mass_y, mut at) = (Sum::default(), Sum::default(), 0.0);
    let (Some(mut p), Some(mut q)) = (x.next(), y.next()) else { return };
    mass_x.add(p.1);
    mass_y.add(q.1);
    while at < 0.5 {
        let end = mass_x.value().min(mass_y.value()).clamp(at, 0.5);
        visit(p.0 - q.0, end - at);
        at = end;
        // The half is reached with points to spare: the weights are normalised to one within rounding.
        if mass_x.value() <= at {
            let Some(next) = x.next() else { return };
            p = next;
            mass_x.add(p.1);
        }
        if mass_y.value() <= at {
            let Some(next) = y.next() else { return };
            q = next;
            mass_y.add(q.1);
        }
    }
}

/// Visits (i, j, mass) of the optimal pairing of two samples with equal weights; points that are not finite are ordered by `total_cmp`.
pub(crate) fn pairing(x: &[f64], y: &[f64], visit: &mut dyn FnMut(usize, usize, f64)) {
    let order = |x: &[f64]| {
        let mut index: Vec<usize> = (0..x.len()).collect();
        index.sort_unstable_by(|&i, &j| x[i].total_cmp(&x[j]).then(i.cmp(&j)));
        index
    };
    let (ix, iy) = (order(x), order(y));
    let total = x.len() as f64 * y.len() as f64;
    merge_counts(x.len(), y.len(), &mut |i, j, count| visit(ix[i], iy[j], count / total));
}

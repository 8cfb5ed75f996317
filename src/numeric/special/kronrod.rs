//! Adaptive Gauss–Kronrod quadrature over a list of pieces.
//!
//! Every piece is integrated by a Kronrod rule and by the Gauss rule inside it; their difference bounds the error of the better one from
//! far above. The piece with the largest error is halved until the sum of the errors is small enough. Kinks and jumps are found by the
//! halving, at one digit per 1.7 (kink) or 3.3 (jump) halvings.

use crate::numeric::parallel;
use crate::numeric::special::sum::Sum;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A Gauss rule and its Kronrod extension on [−1, 1], as nonnegative nodes in decreasing order.
#[derive(Debug)]
pub(crate) struct Rule {
    nodes: &'static [f64],
    kronrod: &'static [f64],
    /// Weights of the Gauss rule; they belong to every second node, the second one first.
    gauss: &'static [f64],
}

/// G3 in K7.
pub(crate) const K7: Rule = Rule {
    nodes: &[0.960_491_268_708_020_3, 0.774_596_669_241_483_4, 0.434_243_749_346_802_55, 0.0],
    kronrod: &[0.104_656_226_026_467_27, 0.268_488_089_868_333_44, 0.401_397_414_775_962_2, 0.450_916_538_658_474_14],
    gauss: &[5.0 / 9.0, 8.0 / 9.0],
};

/// G7 in K15.
pub(crate) const K15: Rule = Rule {
    nodes: &[
        0.991_455_371_120_812_6,
        0.949_107_912_342_758_5,
        0.864_864_423_359_769_1,
        0.741_531_185_599_394_4,
        0.586_087_235_467_691_1,
        0.405_845_151_377_397_2,
        0.207_784_955_007_898_47,
        0.0,
    ],
    kronrod: &[
        0.022_935_322_010_529_224,
        0.063_092_092_629_978_55,
        0.104_790_010_322_250_18,
        0.140_653_259_715_525_92,
        0.169_004_726_639_267_9,
        0.190_350_578_064_785_4,
        0.204_432_940_075_298_9,
        0.209_482_141_084_727_82,
    ],
    gauss: &[0.129_484_966_168_869_7, 0.279_705_391_489_276_64, 0.381_830_050_505_118_9, 0.417_959_183_673_469_4],
};

/// An interval of integration; the tag tells the integrand which branch it is on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<T> {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) tag: T,
}

/// The value of an integrand and the size of its rounding error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value {
    pub(crate) value: f64,
    pub(crate) rounding: f64,
}

/// An integral, with its error (rounding included).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integral {
    pub(crate) value: f64,
    pub(crate) error: f64,
    pub(crate) evaluations: usize,
    /// Whether the tolerance, or the rounding error of the integrand, was reached before the cap.
    pub(crate) converged: bool,
}

/// Most halvings of one integral.
const SPLITS: usize = 50_000;

#[derive(Debug, Clone, Copy)]
struct Panel<T> {
    piece: Piece<T>,
    value: f64,
    error: f64,
    rounding: f64,
}

impl<T> Panel<T> {
    /// The error that halving can still remove.
    fn reducible(&self) -> f64 {
        let Piece { low, high, .. } = self.piece;
        let width = high - low;
        if self.error <= self.rounding || width <= 8.0 * f64::EPSILON * (low.abs() + high.abs()) { 0.0 } else { self.error }
    }
}

impl<T> PartialEq for Panel<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl<T> Eq for Panel<T> {}
impl<T> PartialOrd for Panel<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Panel<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.reducible().total_cmp(&other.reducible()).then(self.piece.low.total_cmp(&other.piece.low))
    }
}

fn apply<T: Copy>(rule: &Rule, piece: Piece<T>, f: &impl Fn(T, f64) -> Value) -> Panel<T> {
    let (centre, half) = (0.5 * (piece.low + piece.high), 0.5 * (piece.high - piece.low));
    let (mut kronrod, mut gauss, mut rounding) = (0.0, 0.0, 0.0);
    for (k, (&node, &weight)) in rule.nodes.iter().zip(rule.kronrod).enumerate() {
        let mut at = f(piece.tag, centre + half * node);
        if node > 0.0 {
            let mirror = f(piece.tag, centre - half * node);
            at = Value { value: at.value + mirror.value, rounding: at.rounding + mirror.rounding };
        }
        kronrod += weight * at.value;
        rounding += weight * at.rounding;
        if k % 2 == 1 {
            gauss += rule.gauss[k / 2] * at.value;
        }
    }
    Panel { piece, value: half * kronrod, error: half * (kronrod - gauss).abs(), rounding: half * rounding }
}

/// Integrates `f` over all pieces to the relative `tolerance`, or to the rounding error that `f` declares.
pub(crate) fn adaptive<T: Copy + Send + Sync>(
    rule: &Rule,
    pieces: &[Piece<T>],
    f: impl Fn(T, f64) -> Value + Send + Sync,
    tolerance: f64,
) -> Integral {
    let start = parallel::map(pieces.len(), |k| apply(rule, pieces[k], &f));
    let mut total: f64 = start.iter().map(|p| p.value).sum();
    let mut reducible: f64 = start.iter().map(Panel::reducible).sum();
    let mut heap = BinaryHeap::from(start);
    let mut splits = 0;
    while reducible > tolerance * total.abs() && splits < SPLITS {
        let Some(worst) = heap.pop() else { break };
        if worst.reducible() == 0.0 {
            heap.push(worst);
            reducible = 0.0;
            break;
        }
        let Piece { low, high, tag } = worst.piece;
        let middle = 0.5 * (low + high);
        total -= worst.value;
        reducible -= worst.reducible();
        for piece in [Piece { low, high: middle, tag }, Piece { low: middle, high, tag }] {
            let panel = apply(rule, piece, &f);
            total += panel.value;
            reducible += panel.reducible();
            heap.push(panel);
        }
        splits += 1;
    }
    let value = heap.iter().map(|p| p.value).collect::<Sum>().value();
    let error: f64 = heap.iter().map(|p| if p.error < p.rounding || p.rounding.is_nan() { p.rounding } else { p.error }).sum();
    let points = 2 * rule.nodes.len() - 1;
    // NaN compares false: an integrand that is not a number never counts as converged.
    let converged = value.is_finite() && reducible <= tolerance * value.abs();
    Integral { value, error, evaluations: points * (pieces.len() + 2 * splits), converged }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(f: impl Fn(f64) -> f64 + Send + Sync) -> impl Fn((), f64) -> Value + Send + Sync {
        move |(), x| Value { value: f(x), rounding: 0.0 }
    }

    #[test]
    fn kronrod_rules_are_exact_to_their_degree() {
        // Degree 3n + 1 for an n-point Gauss rule (one more by symmetry for odd n).
        for (rule, degree) in [(&K7, 11), (&K15, 23)] {
            for power in 0..=degree {
                let panel = apply(rule, Piece { low: 0.0, high: 1.0, tag: () }, &plain(|x| x.powi(power)));
                assert!((panel.value * f64::from(power + 1) - 1.0).abs() < 1e-14, "x^{power}: {}", panel.value);
            }
        }
    }

    #[test]
    fn kinks_and_jumps_are_found() {
        for rule in [&K7, &K15] {
            let kink = adaptive(rule, &[Piece { low: 0.0, high: 1.0, tag: () }], plain(|x| (x - 0.3).abs()), 1e-12);
            assert!(kink.converged && (kink.value - 0.29).abs() < 1e-12);
            let jump = adaptive(rule, &[Piece { low: 0.0, high: 1.0, tag: () }], plain(|x| f64::from(u8::from(x > 0.3))), 1e-12);
            assert!(jump.converged && (jump.value - 0.7).abs() < 1e-12 && jump.error < 1e-11);
        }
    }

    #[test]
    fn what_is_not_a_number_does_not_converge() {
        let f = adaptive(&K15, &[Piece { low: 0.0, high: 1.0, tag: () }], plain(|_| f64::NAN), 1e-12);
        assert!(!f.converged);
    }
}

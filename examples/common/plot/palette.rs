//! Colours, dashes and markers: a series is known by any one of the three.
//!
//! The colours were checked by simulation: linear RGB is mapped as protanopes and deuteranopes see it (Machado, Oliveira & Fernandes 2009, severity
//! 1), and every pair stays at least 20 apart in CIE L*a*b* (1976), eight times what is just noticed. The test below repeats it.

use plotters::prelude::RGBColor;

pub(crate) const BLUE: RGBColor = RGBColor(0, 92, 170);
pub(crate) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(crate) const ORANGE: RGBColor = RGBColor(230, 145, 0);
pub(crate) const RED: RGBColor = RGBColor(190, 40, 30);
pub(crate) const PURPLE: RGBColor = RGBColor(204, 100, 170);
pub(crate) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(crate) const DARK: RGBColor = RGBColor(30, 30, 30);

/// For what is no series: references and axes.
pub(crate) const GREY: RGBColor = RGBColor(120, 120, 120);

/// The colours of series, in the order they are taken.
pub(crate) const SERIES: [RGBColor; 7] = [BLUE, GREEN, ORANGE, RED, PURPLE, SKY, DARK];

/// The form of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Cross,
    Plus,
}

/// Dashes and markers, in the order of [`SERIES`]: lengths of strokes and gaps in turn, none for a line without gaps.
const STYLES: [(&[f64], Marker); 7] = [
    (&[], Marker::Circle),
    (&[9.0, 4.0], Marker::Square),
    (&[11.0, 4.0, 2.0, 4.0], Marker::Triangle),
    (&[3.0, 3.0], Marker::Diamond),
    (&[16.0, 5.0], Marker::TriangleDown),
    (&[11.0, 3.0, 2.0, 3.0, 2.0, 3.0], Marker::Cross),
    (&[6.0, 2.0], Marker::Plus),
];

/// Dash and marker of a colour; where all colours have been taken `round` times, of others than before.
pub(crate) fn style(colour: RGBColor, round: usize) -> (&'static [f64], Marker) {
    let of = |i: usize| (STYLES[(i + 2 * round) % STYLES.len()].0, STYLES[(i + round) % STYLES.len()].1);
    SERIES.iter().position(|&c| c == colour).map_or((&[2.0, 4.0], Marker::Circle), of)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Matrix = [[f64; 3]; 3];

    /// Full protanopia and deuteranopia in linear RGB, Machado et al. 2009, table 1.
    const PROTAN: Matrix = [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]];
    const DEUTAN: Matrix = [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]];
    const NORMAL: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

    /// L*, a*, b* of a colour as it is seen, white D65.
    fn seen(colour: RGBColor, by: Matrix) -> [f64; 3] {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        let rgb = [colour.0, colour.1, colour.2].map(linear);
        let rgb = by.map(|row| row.iter().zip(rgb).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0));
        let of = |row: [f64; 3]| row.iter().zip(rgb).map(|(a, b)| a * b).sum::<f64>();
        let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
        let x = f(of([0.412_456_4, 0.357_576_1, 0.180_437_5]) / 0.950_47);
        let y = f(of([0.212_672_9, 0.715_152_2, 0.072_175]));
        let z = f(of([0.019_333_9, 0.119_192, 0.950_304_1]) / 1.088_83);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn colours_stay_apart_for_protan_and_deutan_vision() {
        for vision in [NORMAL, PROTAN, DEUTAN] {
            for (i, &one) in SERIES.iter().enumerate() {
                for &other in &SERIES[..i] {
                    let (a, b) = (seen(one, vision), seen(other, vision));
                    let apart = a.iter().zip(b).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt();
                    assert!(apart > 20.0, "{one:?} and {other:?}: {apart}");
                }
            }
        }
    }

    #[test]
    fn no_two_series_share_a_dash_or_a_marker() {
        for (i, &one) in SERIES.iter().enumerate() {
            for &other in &SERIES[..i] {
                assert!(style(one, 0).0 != style(other, 0).0 && style(one, 0).1 != style(other, 0).1);
            }
        }
    }

    #[test]
    fn forty_nine_series_differ_in_marker_and_dash_where_they_share_a_colour() {
        for &colour in &SERIES {
            for round in 0..7 {
                for before in 0..round {
                    let (one, other) = (style(colour, round), style(colour, before));
                    assert!(one.0 != other.0 && one.1 != other.1);
                }
            }
        }
    }
}

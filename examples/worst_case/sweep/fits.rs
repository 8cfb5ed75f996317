//! What the rows of a sweep say together: exponents, each beside what theory says of it.

use super::store::Stored;
use crate::common::{Row, count, number, slopes};
use serde_json::Value;

/// The values of a family against one size, the other two sizes fixed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fit {
    pub(crate) family: String,
    pub(crate) objective: String,
    /// `steps`, `dim` or `lipschitz_bound`.
    pub(crate) against: &'static str,
    /// The sizes that are fixed.
    pub(crate) fixed: Vec<(&'static str, f64)>,
    pub(crate) sizes: Vec<f64>,
    pub(crate) values: Vec<f64>,
}

/// An exponent and where it is from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Theory {
    pub(crate) exponent: f64,
    pub(crate) source: &'static str,
}

const SIZES: [&str; 3] = ["steps", "dim", "lipschitz_bound"];

/// The values against one size, in the order of the rows.
pub(crate) fn curves(rows: &[Stored], against: &'static str) -> Vec<Fit> {
    let mut found: Vec<Fit> = Vec::new();
    for row in rows {
        let fixed: Vec<(&'static str, f64)> = SIZES.into_iter().filter(|s| *s != against).map(|s| (s, row.number(s))).collect();
        let (size, value) = (row.number(against), row.number("value"));
        match found.iter_mut().find(|f| f.family == row.text("family") && f.fixed == fixed) {
            Some(fit) => {
                fit.sizes.push(size);
                fit.values.push(value);
            }
            None => found.push(Fit {
                family: row.text("family").to_string(),
                objective: row.text("objective").to_string(),
                against,
                fixed,
                sizes: vec![size],
                values: vec![value],
            }),
        }
    }
    found
}

/// All fits that have at least two sizes and a positive value at each.
pub(crate) fn fits(rows: &[Stored]) -> Vec<Fit> {
    let all = SIZES.into_iter().flat_map(|against| curves(rows, against));
    all.filter(|f| slopes::local(&f.sizes, &f.values).is_some()).collect()
}

fn symbol(size: &str) -> &'static str {
    match size {
        "steps" => "T",
        "dim" => "d",
        _ => "L_f",
    }
}

impl Fit {
    /// The local slopes between neighbouring sizes.
    pub(crate) fn slopes(&self) -> Vec<f64> {
        slopes::local(&self.sizes, &self.values).unwrap_or_default()
    }

    /// The largest exponent that (24) as quoted allows for, its logarithms aside.
    pub(crate) fn quoted(&self) -> f64 {
        match self.against {
            "steps" => self.power_of_steps(),
            "dim" => 2.5,
            _ => 3.0,
        }
    }

    /// What multiplying by a power of T does to the exponent of T.
    pub(crate) fn power_of_steps(&self) -> f64 {
        if self.objective == "root-w1" { -0.5 } else { 0.0 }
    }

    /// What the theory of this crate says of the largest value in the family, where it says something: see docs/theory.md.
    pub(crate) fn theory(&self) -> Option<Theory> {
        let found = |exponent, source| Some(Theory { exponent, source });
        match (self.against, self.family.as_str()) {
            ("steps", "comb") => {
                found(0.5 + self.power_of_steps(), "2.21: k grows with √T at a bounded L_f; on the paper's schedule up to logarithms")
            }
            ("steps", _) => {
                found(self.power_of_steps(), "2.6: for each fixed smooth law T W1 has a limit; reached late where modes are narrow")
            }
            ("dim", "comb" | "two-modes" | "modes") => found(0.5, "2.9: W1 of d copies is at least √d times that of one"),
            ("dim", "scales") => found(0.5, "2.20, numerical: a radial feature adds O(1)"),
            ("lipschitz_bound", "two-modes") => found(1.0, "2.22: one power of L_f for every mode, as T grows"),
            ("lipschitz_bound", "comb") => found(0.0, "2.21: √T W1 is about .45 (1 − 1/L_f) at its worst, which saturates"),
            _ => None,
        }
    }

    pub(crate) fn row(&self) -> Row {
        let theory = self.theory();
        let slopes = self.slopes();
        let mut row: Row =
            vec![("fit", self.family.as_str().into()), ("objective", self.objective.as_str().into()), ("against", self.against.into())];
        row.extend(self.fixed.iter().map(|&(name, value)| (name, if name == "lipschitz_bound" { number(value) } else { count(value) })));
        row.extend([
            ("sizes", self.sizes.clone().into()),
            ("values", self.values.clone().into()),
            ("slopes", slopes.clone().into()),
            ("last_slope", number(slopes.last().copied().unwrap_or(f64::NAN))),
            ("quoted_24", number(self.quoted())),
            ("theory", number(theory.map_or(f64::NAN, |t| t.exponent))),
            ("source", theory.map_or(Value::Null, |t| t.source.into())),
        ]);
        row
    }

    /// What was maximised, as a formula.
    pub(crate) fn quantity(&self) -> &'static str {
        match self.objective.as_str() {
            "root-w1" => "√T W1",
            "certificate" => "T certificate",
            _ => "T W1",
        }
    }

    /// The sizes that are fixed, with the sign between L_f and its bound.
    pub(crate) fn fixed_in_words(&self, bound: &str) -> String {
        let sign = |name: &str| if name == "lipschitz_bound" { bound.to_string() } else { " = ".to_string() };
        self.fixed.iter().map(|&(name, value)| format!("{}{}{value}", symbol(name), sign(name))).collect::<Vec<_>>().join(", ")
    }

    /// The same in words.
    pub(crate) fn described(&self) -> String {
        let value = self.quantity();
        let known = self.theory().map_or_else(|| "no statement".to_string(), |t| format!("{} ({})", t.exponent, t.source));
        format!(
            "{}, {}: {value} ~ {}^a: {}; theory: {known}; (24) as quoted: {}",
            self.family,
            self.fixed_in_words(" = "),
            symbol(self.against),
            slopes::described(&self.sizes, &self.values),
            self.quoted()
        )
    }
}

//! Rival theories, for the comparison table.

use crate::bound::BoundError;
use crate::bound::error::{check_dim, positive};

/// How far the crate vouches for an entry of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// A statement of the paper this crate is about, from a careful reading.
    Paper,
    /// As reported in somebody's account of the work; not verified.
    SecondHand,
    /// From the work's abstract only.
    Abstract,
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Paper => "[paper]",
            Self::SecondHand => "[second-hand]",
            Self::Abstract => "[abstract]",
        })
    }
}

/// The quantities that rival rates are functions of.
///
/// ```
/// use onestep::bound::RateInputs;
/// let inputs = RateInputs::new(8, 0.1)?.lipschitz(2.0).radius(3.0);
/// assert_eq!((inputs.dim, inputs.lipschitz, inputs.score_lipschitz), (8, 2.0, 1.0));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RateInputs {
    /// d.
    pub dim: usize,
    /// ε, the accuracy asked for, in the metric of each work.
    pub accuracy: f64,
    /// L_f, the Lipschitz constant of the flow map or of the learned function; 1 unless set.
    pub lipschitz: f64,
    /// L_s, the Lipschitz constant of the score; 1 unless set.
    pub score_lipschitz: f64,
    /// R, the radius of the support; 1 unless set.
    pub radius: f64,
}

impl RateInputs {
    /// Dimension d and accuracy ε; every other constant is 1.
    ///
    /// # Errors
    /// d = 0, or ε not in (0, ∞).
    ///
    /// ```
    /// assert!(onestep::bound::RateInputs::new(2, 0.0).is_err());
    /// ```
    pub fn new(dim: usize, accuracy: f64) -> Result<Self, BoundError> {
        let (dim, accuracy) = (check_dim(dim)?, positive("accuracy", accuracy)?);
        Ok(Self { dim, accuracy, lipschitz: 1.0, score_lipschitz: 1.0, radius: 1.0 })
    }

    /// Sets L_f.
    ///
    /// ```
    /// assert_eq!(onestep::bound::RateInputs::new(2, 0.1).unwrap().lipschitz(4.0).lipschitz, 4.0);
    /// ```
    #[must_use]
    pub fn lipschitz(mut self, lipschitz: f64) -> Self {
        self.lipschitz = lipschitz;
        self
    }

    /// Sets L_s.
    ///
    /// ```
    /// assert_eq!(onestep::bound::RateInputs::new(2, 0.1).unwrap().score_lipschitz(4.0).score_lipschitz, 4.0);
    /// ```
    #[must_use]
    pub fn score_lipschitz(mut self, score_lipschitz: f64) -> Self {
        self.score_lipschitz = score_lipschitz;
        self
    }

    /// Whether every constant is in (0, ∞).
    fn check(&self) -> Result<(), BoundError> {
        check_dim(self.dim)?;
        for (name, value) in
            [("accuracy", self.accuracy), ("lipschitz", self.lipschitz), ("score_lipschitz", self.score_lipschitz), ("radius", self.radius)]
        {
            positive(name, value)?;
        }
        Ok(())
    }

    /// Sets R.
    ///
    /// ```
    /// assert_eq!(onestep::bound::RateInputs::new(2, 0.1).unwrap().radius(4.0).radius, 4.0);
    /// ```
    #[must_use]
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = radius;
        self
    }
}

/// One row of the comparison table. Process, metric and assumptions differ between the rows: print them beside the number.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Rival {
    /// Authors and year.
    pub work: &'static str,
    /// arXiv identifier or venue.
    pub reference: &'static str,
    /// Which algorithm and process, under which assumptions.
    pub setting: &'static str,
    /// The distance that is bounded.
    pub metric: &'static str,
    /// The rate in words of formula.
    pub rate: &'static str,
    /// How far the entry can be trusted.
    pub source: Provenance,
    /// What of the work was read, and what remains unconfirmed. Nothing else is claimed.
    pub read: &'static str,
    steps: Option<fn(&RateInputs) -> f64>,
}

impl Rival {
    /// The number of steps the rate asks for, **up to an unknown constant and logarithms**; `None` where the rate is not a step count.
    /// Ratios between two inputs are meaningful, the number itself is not.
    ///
    /// # Errors
    /// A constant of `inputs` is not in (0, ∞).
    ///
    /// ```
    /// use onestep::bound::{RateInputs, rivals};
    /// let paper = &rivals()[0];
    /// let steps = |d| paper.steps(&RateInputs::new(d, 0.1).unwrap()).unwrap().unwrap();
    /// assert!((steps(40) / steps(10) - 32.0).abs() < 1e-12); // 4^{5/2}
    /// assert!(paper.steps(&RateInputs::new(1, 0.1)?.lipschitz(f64::NAN)).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn steps(&self, inputs: &RateInputs) -> Result<Option<f64>, BoundError> {
        inputs.check()?;
        Ok(self.steps.map(|f| f(inputs)))
    }
}

static RIVALS: [Rival; 16] = [
    Rival {
        work: "Li, Huang, Wei 2025",
        reference: "arXiv 2402.07802, eq. (24)",
        setting: "consistency training, VP, X_T ~ N(0, I), flow map L_f-Lipschitz, bounded support",
        metric: "W_1",
        rate: "T ≳ L_f³ d^{5/2}/ε",
        source: Provenance::Paper,
        read: "accounts of the paper, not its full text. (24) includes the prior mismatch and is strict; C_1 is not stated, c_0 is \
            \"sufficiently large\"; how the errors of Assumption 2 are normalised is inferred from their coefficient one. Sec. 5: \
            may extend to progressive distillation",
        steps: Some(|i| i.lipschitz.powi(3) * (i.dim as f64).powf(2.5) / i.accuracy),
    },
    Rival {
        work: "Song, Dhariwal, Chen, Sutskever 2023",
        reference: "arXiv 2303.01469, Theorem 1",
        setting: "consistency distillation, VE, zero loss, ODE solver of order p",
        metric: "sup norm",
        rate: "error O(Δt^p)",
        source: Provenance::SecondHand,
        read: "accounts of Theorem 1; Theorems 2 and 6, that training tends to distillation, are reported as corrected by Issenhuth \
            et al. 2025",
        steps: None,
    },
    Rival {
        work: "Issenhuth et al. 2025",
        reference: "ICML 2025, arXiv 2406.09570",
        setting: "consistency training and distillation as the steps shrink",
        metric: "losses",
        rate: "the gap between both losses persists in the limit",
        source: Provenance::Abstract,
        read: "the abstract; the correction of Song et al. 2023 as reported",
        steps: None,
    },
    Rival {
        work: "Lyu, Chen, Feng 2024",
        reference: "arXiv 2308.11449",
        setting: "consistency distillation, VP, score L_s-Lipschitz, learned f L_f-Lipschitz; several evaluations reduce the error",
        metric: "W_2",
        rate: "N ~ L_f L_s^{3/2} d^{1/2}/ε²",
        source: Provenance::SecondHand,
        read: "the assumptions in public reviews; the rate in one account only, unconfirmed",
        steps: Some(|i| i.lipschitz * i.score_lipschitz.powf(1.5) * (i.dim as f64).sqrt() / i.accuracy.powi(2)),
    },
    Rival {
        work: "Dou, Chen, Wang, Yang 2024",
        reference: "arXiv 2406.16213, Theorems 4.1 and 4.2",
        setting: "statistical rates from n samples; the objective is a sum of W_1 over Lipschitz functions, not (14)",
        metric: "W_1",
        rate: "n^{-1/(2(d+5))} up to logs (distillation), n^{-1/d} (training in isolation)",
        source: Provenance::SecondHand,
        read: "two accounts that agree on the rates",
        steps: None,
    },
    Rival {
        work: "Yang, Jiang, Chen, Li 2025",
        reference: "ICML 2025, PMLR 267",
        setting: "consistency distillation, VE, decaying steps, support of radius R; a corollary for two steps",
        metric: "as reported there",
        rate: "R⁴ d³/ε⁴ up to logs, with the exponent of the schedule in it",
        source: Provenance::SecondHand,
        read: "an account; R⁴ d³/ε⁴ is unconfirmed",
        steps: Some(|i| i.radius.powi(4) * (i.dim as f64).powi(3) / i.accuracy.powi(4)),
    },
    Rival {
        work: "Jain, Huang, Ma, Zhang 2025",
        reference: "arXiv 2505.01049",
        setting: "multi-step maps; d log(d/ε) without smoothness",
        metric: "KL ≤ ε²",
        rate: "O(log(d/ε)) steps in the smooth case",
        source: Provenance::Abstract,
        read: "the abstract",
        steps: Some(|i| (i.dim as f64 / i.accuracy).ln()),
    },
    Rival {
        work: "Chen, Zhang, Oertell, Sun 2025",
        reference: "arXiv 2505.03194",
        setting: "several evaluations of a function that is self-consistent up to an error",
        metric: "as reported there",
        rate: "no step count was read",
        source: Provenance::Abstract,
        read: "the abstract",
        steps: None,
    },
    Rival {
        work: "Kong et al. 2023",
        reference: "arXiv 2311.14097",
        setting: "consistency training with an adversarial loss",
        metric: "Wasserstein",
        rate: "the training losses add up in a bound on the distance",
        source: Provenance::Abstract,
        read: "the abstract; no orthogonality of the losses, as in 2.15, was seen",
        steps: None,
    },
    Rival {
        work: "Boffi, Albergo, Vanden-Eijnden 2024, 2025",
        reference: "arXiv 2406.07507, 2505.18825",
        setting: "flow maps by Lagrangian and Eulerian losses",
        metric: "W_2",
        rate: "bounds by the losses",
        source: Provenance::Abstract,
        read: "the abstracts",
        steps: None,
    },
    Rival {
        work: "Yang et al. 2025",
        reference: "arXiv 2508.08735",
        setting: "one-step rectified flow",
        metric: "as reported there",
        rate: "polynomial discretisation",
        source: Provenance::Abstract,
        read: "the abstract",
        steps: None,
    },
    Rival {
        work: "Lu, Wang 2026",
        reference: "arXiv 2605.09235",
        setting: "MeanFlow",
        metric: "variance of the gradient",
        rate: "no step count was read",
        source: Provenance::Abstract,
        read: "the abstract",
        steps: None,
    },
    Rival {
        work: "Sharp, Tsimpos, Marzouk 2026",
        reference: "arXiv 2604.15439",
        setting: "straight flows between independent ends",
        metric: "-",
        rate: "none exists where modes are separated",
        source: Provenance::Abstract,
        read: "the abstract",
        steps: None,
    },
    Rival {
        work: "Meng, Wang 2025",
        reference: "arXiv 2512.06702",
        setting: "flow samplers, not consistency training",
        metric: "Wasserstein",
        rate: "√d/ε, claimed optimal in d",
        source: Provenance::Abstract,
        read: "the abstract",
        steps: Some(|i| (i.dim as f64).sqrt() / i.accuracy),
    },
    Rival {
        work: "Stéphanovitch 2026",
        reference: "arXiv 2604.06065",
        setting: "flow samplers, not consistency training; also a globally Lipschitz map from the Gaussian",
        metric: "Wasserstein",
        rate: "√d/ε, claimed optimal in d",
        source: Provenance::Abstract,
        read: "the abstract",
        steps: Some(|i| (i.dim as f64).sqrt() / i.accuracy),
    },
    Rival {
        work: "Li, Wei, Chen, Chi 2024",
        reference: "arXiv 2306.09251",
        setting: "samplers; origin of the schedule",
        metric: "total variation",
        rate: "1/T deterministic, 1/√T stochastic",
        source: Provenance::Abstract,
        read: "the abstract",
        steps: Some(|i| 1.0 / i.accuracy),
    },
];

/// The comparison table: step counts and rates of other theories beside the paper's, the paper first.
///
/// ```
/// use onestep::bound::{Provenance, rivals};
/// assert_eq!(rivals()[0].source, Provenance::Paper);
/// // Only the paper's own statement is vouched for.
/// assert!(rivals()[1..].iter().all(|r| r.source != Provenance::Paper));
/// // Every row says what was read.
/// assert!(rivals().iter().all(|r| !r.read.is_empty()));
/// ```
///
/// No lower bound for consistency training, and nothing that improves d^{5/2} for training in W_1, was found in a search of November 2026.
#[must_use]
pub fn rivals() -> &'static [Rival] {
    &RIVALS
}

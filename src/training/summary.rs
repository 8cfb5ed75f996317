//! What is known about a fit.

use std::fmt;

/// What a fit minimised, how, and how far it got.
///
/// # Example
/// ```
/// use onestep::training::FitSummary;
/// let summary = FitSummary::new("weighted least squares", "Cholesky").with_loss(0.25).with_effective_parameters(3.0);
/// assert_eq!((summary.loss, summary.effective_parameters), (0.25, 3.0));
/// assert!(summary.to_string().ends_with("loss 2.5000e-1, 3.0 effective parameters an output"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FitSummary {
    /// What was minimised, over which functions.
    pub minimiser: String,
    /// How the minimiser was found: the algorithm, and whether it is exact, global or only stationary.
    pub method: String,
    /// Σ w_i ‖g(x_i) − y_i‖² / Σ w_i on the rows of the fit.
    pub loss: f64,
    /// Effective number of parameters an output: the trace of the smoother for linear fits, a plain count otherwise.
    pub effective_parameters: f64,
    /// The penalty λ in use; 0 where there is none.
    pub penalty: f64,
    /// Iterations of the optimiser; 0 for a direct solver.
    pub iterations: usize,
}

impl FitSummary {
    /// A summary with its words, and numbers still zero.
    ///
    /// ```
    /// assert_eq!(onestep::training::FitSummary::new("a", "b").iterations, 0);
    /// ```
    #[must_use]
    pub fn new(minimiser: &str, method: &str) -> Self {
        Self {
            minimiser: minimiser.to_owned(),
            method: method.to_owned(),
            loss: 0.0,
            effective_parameters: 0.0,
            penalty: 0.0,
            iterations: 0,
        }
    }

    /// The same with the loss.
    ///
    /// ```
    /// assert_eq!(onestep::training::FitSummary::new("a", "b").with_loss(2.0).loss, 2.0);
    /// ```
    #[must_use]
    pub fn with_loss(mut self, loss: f64) -> Self {
        self.loss = loss;
        self
    }

    /// The same with the effective number of parameters.
    ///
    /// ```
    /// assert_eq!(onestep::training::FitSummary::new("a", "b").with_effective_parameters(2.0).effective_parameters, 2.0);
    /// ```
    #[must_use]
    pub fn with_effective_parameters(mut self, count: f64) -> Self {
        self.effective_parameters = count;
        self
    }

    /// The same with the penalty λ.
    ///
    /// ```
    /// assert_eq!(onestep::training::FitSummary::new("a", "b").with_penalty(2.0).penalty, 2.0);
    /// ```
    #[must_use]
    pub fn with_penalty(mut self, penalty: f64) -> Self {
        self.penalty = penalty;
        self
    }

    /// The same with the number of iterations.
    ///
    /// ```
    /// assert_eq!(onestep::training::FitSummary::new("a", "b").with_iterations(2).iterations, 2);
    /// ```
    #[must_use]
    pub fn with_iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }
}

impl fmt::Display for FitSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "minimises {} ({})", self.minimiser, self.method)?;
        write!(f, "loss {:.4e}, {:.1} effective parameters an output", self.loss, self.effective_parameters)?;
        if self.penalty > 0.0 {
            write!(f, ", penalty {:.2e}", self.penalty)?;
        }
        if self.iterations > 0 {
            write!(f, ", {} iterations", self.iterations)?;
        }
        Ok(())
    }
}

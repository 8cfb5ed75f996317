//! Runge–Kutta methods as data.

/// An explicit Runge–Kutta method: its Butcher tableau, as data.
///
/// For dy/dθ = u(θ, y) and a step h the stages are k_i = u(θ + c_i h, y + h Σ_{j<i} a_ij k_j), the step is y + h Σ_i b_i k_i, and an
/// embedded method of lower order gives the error estimate h Σ_i e_i k_i.
///
/// # Example
/// ```
/// use onestep::flow::Tableau;
/// // Consistency: the weights sum to one, and each row of the matrix to its node.
/// for method in [Tableau::EULER, Tableau::HEUN, Tableau::DORMAND_PRINCE] {
///     assert!((method.weights().iter().sum::<f64>() - 1.0).abs() < 1e-15);
///     for (row, node) in method.matrix().iter().zip(method.nodes()) {
///         assert!((row.iter().sum::<f64>() - node).abs() < 1e-14);
///     }
/// }
/// ```
///
/// # References
/// Hairer, Nørsett and Wanner, "Solving Ordinary Differential Equations I", 2nd ed. 1993, II.1 and II.5.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tableau {
    name: &'static str,
    order: u32,
    nodes: &'static [f64],
    matrix: &'static [&'static [f64]],
    weights: &'static [f64],
    error_weights: &'static [f64],
}

impl Tableau {
    /// Euler's method, order 1. It has no embedded method: for fixed steps only.
    pub const EULER: Self = Self { name: "Euler", order: 1, nodes: &[0.0], matrix: &[&[]], weights: &[1.0], error_weights: &[] };

    /// Heun's method (the trapezoidal rule made explicit), order 2, with Euler's method embedded.
    pub const HEUN: Self =
        Self { name: "Heun 2(1)", order: 2, nodes: &[0.0, 1.0], matrix: &[&[], &[1.0]], weights: &[0.5, 0.5], error_weights: &[-0.5, 0.5] };

    /// The method of Dormand and Prince (1980), order 5 with an embedded method of order 4; its last stage is the first of the next step.
    pub const DORMAND_PRINCE: Self = Self {
        name: "Dormand–Prince 5(4)",
        order: 5,
        nodes: &[0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0],
        matrix: &[
            &[],
            &[1.0 / 5.0],
            &[3.0 / 40.0, 9.0 / 40.0],
            &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
            &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
            &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
            &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
        ],
        weights: &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0, 0.0],
        error_weights: &[71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339_200.0, 22.0 / 525.0, -1.0 / 40.0],
    };

    /// The method's name.
    ///
    /// ```
    /// assert_eq!(onestep::flow::Tableau::EULER.name(), "Euler");
    /// ```
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The order p: the global error is O(h^p).
    ///
    /// ```
    /// assert_eq!(onestep::flow::Tableau::DORMAND_PRINCE.order(), 5);
    /// ```
    #[must_use]
    pub fn order(&self) -> u32 {
        self.order
    }

    /// The number of stages.
    ///
    /// ```
    /// assert_eq!(onestep::flow::Tableau::HEUN.stages(), 2);
    /// ```
    #[must_use]
    pub fn stages(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes c.
    ///
    /// ```
    /// assert_eq!(onestep::flow::Tableau::HEUN.nodes(), [0.0, 1.0]);
    /// ```
    #[must_use]
    pub fn nodes(&self) -> &'static [f64] {
        self.nodes
    }

    /// The rows of the strictly lower triangular matrix a, row i of length i.
    ///
    /// ```
    /// assert_eq!(onestep::flow::Tableau::HEUN.matrix()[1], [1.0]);
    /// ```
    #[must_use]
    pub fn matrix(&self) -> &'static [&'static [f64]] {
        self.matrix
    }

    /// The weights b.
    ///
    /// ```
    /// let method = onestep::flow::Tableau::DORMAND_PRINCE;
    /// // Order 5 implies quadrature of order 5: Σ b_i c_i⁴ = 1/5.
    /// let moment: f64 = method.weights().iter().zip(method.nodes()).map(|(b, c)| b * c.powi(4)).sum();
    /// assert!((moment - 0.2).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn weights(&self) -> &'static [f64] {
        self.weights
    }

    /// The weights e = b − b̂ of the error estimate; empty without an embedded method.
    ///
    /// ```
    /// let sum: f64 = onestep::flow::Tableau::DORMAND_PRINCE.error_weights().iter().sum();
    /// assert!(sum.abs() < 1e-16); // both methods are consistent
    /// ```
    #[must_use]
    pub fn error_weights(&self) -> &'static [f64] {
        self.error_weights
    }

    /// Whether the last stage sits at the end of the step with the step's own weights: it is the first stage of the next step.
    pub(crate) fn first_same_as_last(&self) -> bool {
        let last = self.stages() - 1;
        last > 0 && self.nodes[last] == 1.0 && self.matrix[last] == &self.weights[..last] && self.weights[last] == 0.0
    }
}

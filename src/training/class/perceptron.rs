//! Multilayer perceptrons trained by Adam.

use crate::float::Float;
use crate::numeric::stream::{Stream, distinct_indices};
use crate::training::class::function_class::FunctionClass;
use crate::training::error::TrainingError;
use crate::training::features::least_squares::{affine_part, weighted_loss};
use crate::training::fitted::{Fitted, Model};
use crate::training::network::activation::Activation;
use crate::training::network::descent::{Descent, check_last, check_loss};
use crate::training::network::layers::Network;
use crate::training::network::optimiser::{Optimiser, chunk_sizes};
use crate::training::network::perceptron::PerceptronModel;
use crate::training::regression::Regression;
use crate::training::summary::FitSummary;
use ndarray::{Array1, Array2, ArrayRef2};
use rand::RngCore;

/// Standardised residuals have mean square 1: a loss this large an output means that the iteration runs away.
const RESIDUAL_RUNAWAY: f64 = 1e6;

/// The class of functions xA + b + s·N(x), N a multilayer perceptron of standardised inputs.
///
/// **Minimiser**: the affine part is the exact least-squares solution; N is trained on its residuals (divided by their root mean square
/// s) by Adam on minibatches, with a rate that falls to zero along a half cosine. The loss is not convex: the result is a nearly
/// stationary point, not a certified minimum, and the weights it starts from are random. Gradients are exact up to rounding.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::FunctionClass;
/// use onestep::training::Regression;
/// use onestep::training::class::Perceptron;
/// use rand::SeedableRng;
/// let x = Array2::from_shape_fn((400, 1), |(i, _)| 0.015 * i as f64 - 3.0);
/// let y = x.mapv(|x: f64| (2.0 * x).sin());
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let fit = Perceptron::new(&[32, 32]).iterations(1500).rate(5e-3).fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert!(fit.summary().loss < 1e-2); // from 0.5
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Perceptron {
    descent: Descent,
}

impl Perceptron {
    /// Hidden layers of the given widths, SiLU, 2000 iterations on batches of 256 rows at a rate of 3e−3. A fit refuses a width outside
    /// 1..=65536, more than 64 layers and more than 2²⁶ parameters.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Perceptron;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(Perceptron::new(&[64, 0]).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(hidden: &[usize]) -> Self {
        Self { descent: Descent::new(hidden, 2000) }
    }

    /// The same class with another activation.
    ///
    /// ```
    /// use onestep::training::class::{Activation, Perceptron};
    /// assert_ne!(Perceptron::new(&[8]).activation(Activation::Tanh), Perceptron::new(&[8]));
    /// ```
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.descent.activation = activation;
        self
    }

    /// The same class with another number of iterations; a fit refuses 0.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Perceptron;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(Perceptron::new(&[8]).iterations(0).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.descent.iterations = iterations;
        self
    }

    /// The same class with another number of rows a minibatch; a fit refuses 0.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Perceptron;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(Perceptron::new(&[8]).batch(0).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn batch(mut self, rows: usize) -> Self {
        self.descent.batch = rows;
        self
    }

    /// The same class with another initial learning rate of Adam; a fit refuses a rate that is not in (0, ∞).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Perceptron;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!(Perceptron::new(&[8]).rate(f64::NAN).fit(&Regression::new(&x, &y)?, &mut rng).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.descent.rate = rate;
        self
    }

    /// A network to start from: that of `start` where it has the right shape, else a random one.
    fn initial<F: Float>(&self, data: &Regression<'_, F>, rng: &mut Stream) -> Result<Network<F>, TrainingError> {
        let batch = self.descent.batch.min(data.rows());
        let fresh = self.descent.network(data.x().ncols(), data.y().ncols(), batch, rng)?;
        Ok(match data.start().map(|s| &s.model) {
            Some(Model::Perceptron(m)) if m.network.same_shape(&fresh) => m.network.clone(),
            _ => fresh,
        })
    }

    /// Trains the network on standardised rows.
    fn train<F: Float>(
        &self,
        network: &mut Network<F>,
        x: &ArrayRef2<F>,
        y: &ArrayRef2<F>,
        weights: &Array1<f64>,
        rng: &mut Stream,
    ) -> Result<(), TrainingError> {
        let rows = x.nrows();
        let batch = self.descent.batch.min(rows);
        let weights: Vec<F> = weights.iter().map(|w| F::of(w * rows as f64)).collect();
        let mut optimiser = Optimiser::new(network, batch);
        let mut chunks: Vec<Vec<usize>> = chunk_sizes(batch).into_iter().map(Vec::with_capacity).collect();
        let mut order = Vec::new();
        let scale = F::of(1.0 / batch as f64);
        for iteration in 0..self.descent.iterations {
            if order.len() < batch {
                order = distinct_indices(rows, rows, rng);
            }
            for (chunk, size) in chunks.iter_mut().zip(chunk_sizes(batch)) {
                chunk.clear();
                chunk.extend(order.drain(order.len() - size..));
            }
            let rate = self.descent.rate_at(iteration);
            let loss = optimiser.step(network, rate, &mut chunks, |network, chosen, tape| {
                for (mut to, &i) in tape.input_mut().rows_mut().into_iter().zip(chosen.iter()) {
                    to.assign(&x.row(i));
                }
                network.forward(tape);
                let (output, mut gradient) = tape.output_and_gradient();
                let mut loss = 0.0;
                for ((out, mut slope), &i) in output.rows().into_iter().zip(gradient.rows_mut()).zip(chosen.iter()) {
                    let weight = scale * weights[i];
                    for ((o, g), t) in out.iter().zip(slope.iter_mut()).zip(y.row(i)) {
                        let error = *o - *t;
                        loss += (weight * error * error).as_f64();
                        *g = (weight + weight) * error;
                    }
                }
                tape.loss = loss;
            });
            check_loss(iteration, loss, RESIDUAL_RUNAWAY * y.ncols() as f64)?;
        }
        Ok(())
    }
}

impl<F: Float> FunctionClass<F> for Perceptron {
    fn name(&self) -> &'static str {
        "perceptron"
    }

    fn fit(&self, data: &Regression<'_, F>, rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        self.descent.check()?;
        let tables = data.tables();
        let standardisation = tables.standardisation()?;
        let x = standardisation.standardise(&tables.x);
        let (affine, offset) = affine_part(&x, &tables)?;
        let residual = &tables.y - &(x.dot(&affine) + &offset);
        let scale = weighted_loss(&residual, &Array2::zeros(residual.raw_dim()), &tables.weights).sqrt() / (residual.ncols() as f64).sqrt();
        // An exactly affine problem leaves rounding only: the network then stays the zero map.
        let negligible = !(scale > 1e-14 * tables.y.iter().fold(0.0_f64, |m, v| m.max(v.abs())));
        let mut stream = Stream::fork(rng);
        let mut network = self.initial(data, &mut stream)?;
        if !negligible {
            let (x, y) = (x.mapv(F::of), residual.mapv(|r| F::of(r / scale)));
            self.train(&mut network, &x, &y, &tables.weights, &mut stream)?;
        }
        let parameters = network.parameters().len() + affine.len() + offset.len();
        let scale = F::of(if negligible { 0.0 } else { scale });
        let model = PerceptronModel { standardisation, affine: affine.mapv(F::of), offset: offset.mapv(F::of), scale, network };
        let mut fit = Array2::zeros(data.y().raw_dim());
        model.eval_into(&data.x(), &mut fit);
        let loss = weighted_loss(&fit.mapv(F::as_f64), &tables.y, &tables.weights);
        let most = RESIDUAL_RUNAWAY * data.y().ncols() as f64 * scale.as_f64().powi(2);
        if !negligible {
            check_last(self.descent.iterations, &model.network, loss, most)?;
        }
        let summary = FitSummary::new(
            "weighted least squares over an affine map plus a multilayer perceptron",
            "affine part exact; network by Adam on minibatches from random weights: nearly stationary, not certified",
        )
        .with_loss(loss)
        .with_effective_parameters(parameters as f64 / data.y().ncols() as f64)
        .with_iterations(if negligible { 0 } else { self.descent.iterations });
        Ok(Fitted::new(Model::Perceptron(model), summary))
    }
}

//! Adam, and minibatch steps over a fixed number of chunks.

use crate::float::Float;
use crate::training::network::layers::{Network, Tape};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Adam with the usual constants: decay 0.9 and 0.999, ε = 1e−8.
///
/// Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, arXiv 1412.6980.
#[derive(Debug, Clone)]
struct Adam<F> {
    mean: Vec<F>,
    square: Vec<F>,
    steps: i32,
}

const DECAY_MEAN: f64 = 0.9;
const DECAY_SQUARE: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The number of a piece, and the parameters, mean and mean square in it.
type NumberedPiece<'a, F> = (usize, ((&'a mut [F], &'a mut [F]), &'a mut [F]));

/// Parameters are updated in pieces of this size.
const PIECE: usize = 1 << 14;

impl<F: Float> Adam<F> {
    fn new(parameters: usize) -> Self {
        Self { mean: vec![F::zero(); parameters], square: vec![F::zero(); parameters], steps: 0 }
    }

    /// One step down the sum of the gradients of the tapes, added in their order.
    fn step(&mut self, parameters: &mut [F], tapes: &[Tape<F>], rate: f64) {
        self.steps = self.steps.saturating_add(1);
        let correct_mean = 1.0 - DECAY_MEAN.powi(self.steps);
        let correct_square = (1.0 - DECAY_SQUARE.powi(self.steps)).sqrt();
        // lr · (m/c_m)/(√v/c_s + ε), with the constants pulled out.
        let (rate, epsilon) = (F::of(rate * correct_square / correct_mean), F::of(EPSILON * correct_square));
        let (b1, b2) = (F::of(DECAY_MEAN), F::of(DECAY_SQUARE));
        let (a1, a2) = (F::of(1.0 - DECAY_MEAN), F::of(1.0 - DECAY_SQUARE));
        let update = |(piece, ((p, m), v)): NumberedPiece<'_, F>| {
            let range = piece * PIECE..piece * PIECE + p.len();
            let (first, rest) = tapes.split_first().expect("there is at least one chunk");
            let apply = |g: F, p: &mut F, m: &mut F, v: &mut F| {
                *m = b1 * *m + a1 * g;
                *v = b2 * *v + a2 * (g * g);
                *p -= rate * *m / (v.sqrt() + epsilon);
            };
            match rest {
                [] => {
                    let entries = first.gradient[range].iter().zip(p).zip(m).zip(v);
                    entries.for_each(|(((g, p), m), v)| apply(*g, p, m, v));
                }
                [second] => {
                    let entries = first.gradient[range.clone()].iter().zip(&second.gradient[range]).zip(p).zip(m).zip(v);
                    entries.for_each(|((((g, h), p), m), v)| apply(*g + *h, p, m, v));
                }
                _ => {
                    for (i, ((p, m), v)) in range.zip(p.iter_mut().zip(m).zip(v)) {
                        let g = rest.iter().fold(first.gradient[i], |sum, t| sum + t.gradient[i]);
                        apply(g, p, m, v);
                    }
                }
            }
        };
        #[cfg(feature = "rayon")]
        if parameters.len() > PIECE {
            let pieces = parameters.par_chunks_mut(PIECE).zip(self.mean.par_chunks_mut(PIECE)).zip(self.square.par_chunks_mut(PIECE));
            pieces.enumerate().for_each(update);
            return;
        }
        let pieces = parameters.chunks_mut(PIECE).zip(self.mean.chunks_mut(PIECE)).zip(self.square.chunks_mut(PIECE));
        pieces.enumerate().for_each(update);
    }
}

/// Minibatch optimisation of a network. A batch is cut into chunks whose number depends on the batch alone, their gradients are added in
/// order: results do not depend on the number of threads.
#[derive(Debug, Clone)]
pub(crate) struct Optimiser<F> {
    adam: Adam<F>,
    tapes: Vec<Tape<F>>,
}

/// Rows of a chunk: at least this many, so that small batches stay on one thread.
const LEAST_ROWS: usize = 64;

/// At most this many chunks.
const MOST_CHUNKS: usize = 2;

/// The sizes of the chunks of a batch.
pub(crate) fn chunk_sizes(batch: usize) -> Vec<usize> {
    let count = (batch / LEAST_ROWS).clamp(1, MOST_CHUNKS);
    (0..count).map(|k| (k + 1) * batch / count - k * batch / count).collect()
}

impl<F: Float> Optimiser<F> {
    /// For batches of `batch` rows.
    pub(crate) fn new(network: &Network<F>, batch: usize) -> Self {
        let tapes = chunk_sizes(batch).into_iter().map(|rows| network.tape(rows)).collect();
        Self { adam: Adam::new(network.parameters().len()), tapes }
    }

    /// One step: `pass(chunk, network, state, tape)` sets the input, runs `forward`, writes the output gradient and the loss of its chunk.
    /// Returns the sum of the losses of the chunks, before the step.
    pub(crate) fn step<S: Send>(
        &mut self,
        network: &mut Network<F>,
        rate: f64,
        states: &mut [S],
        pass: impl Fn(&Network<F>, &mut S, &mut Tape<F>) + Sync,
    ) -> f64 {
        let loss = self.gradient(network, states, pass);
        self.adam.step(network.parameters_mut(), &self.tapes, rate);
        loss
    }

    /// The passes of a step without the update.
    pub(crate) fn gradient<S: Send>(
        &mut self,
        network: &Network<F>,
        states: &mut [S],
        pass: impl Fn(&Network<F>, &mut S, &mut Tape<F>) + Sync,
    ) -> f64 {
        let chunk = |(tape, state): (&mut Tape<F>, &mut S)| {
            pass(network, state, tape);
            network.backward(tape);
        };
        #[cfg(feature = "rayon")]
        self.tapes.par_iter_mut().zip(states.par_iter_mut()).for_each(chunk);
        #[cfg(not(feature = "rayon"))]
        self.tapes.iter_mut().zip(states.iter_mut()).for_each(chunk);
        self.tapes.iter().map(|t| t.loss).sum()
    }

    /// The sum of the chunks' gradients of the last pass.
    pub(crate) fn summed_gradient(&self) -> Vec<F> {
        let mut sum = self.tapes[0].gradient.clone();
        for tape in &self.tapes[1..] {
            sum.iter_mut().zip(&tape.gradient).for_each(|(s, g)| *s += *g);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::stream::Stream;
    use crate::training::network::activation::Activation;

    /// Adam as it stands in the paper, for one parameter.
    fn reference(gradients: &[f64], rate: f64) -> f64 {
        let (mut p, mut m, mut v) = (0.0, 0.0, 0.0);
        for (t, g) in (1..).zip(gradients) {
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            p -= rate * (m / (1.0 - 0.9f64.powi(t))) / ((v / (1.0 - 0.999f64.powi(t))).sqrt() + 1e-8);
        }
        p
    }

    #[test]
    fn steps_are_those_of_the_paper_and_chunks_add_up() {
        let network = Network::<f64>::random(vec![2, 3, 1], Activation::Silu, &mut Stream::nth(8, 0));
        let gradients = [0.3, -0.7, 2.0];
        for chunks in [1_u8, 2, 3] {
            let mut adam = Adam::new(network.parameters().len());
            let mut parameters = vec![0.0; network.parameters().len()];
            for g in gradients {
                let mut tapes: Vec<_> = (0..chunks).map(|_| network.tape(1)).collect();
                tapes.iter_mut().for_each(|t| t.gradient.fill(g / f64::from(chunks)));
                adam.step(&mut parameters, &tapes, 0.01);
            }
            let exact = reference(&gradients, 0.01);
            assert!(parameters.iter().all(|p| (p - exact).abs() < 1e-14), "{chunks} chunks: {parameters:?}, exact {exact}");
        }
    }

    #[test]
    fn chunks_part_a_batch() {
        for (batch, sizes) in [(1, vec![1]), (127, vec![127]), (128, vec![64, 64]), (301, vec![150, 151]), (4096, vec![2048, 2048])] {
            assert_eq!(chunk_sizes(batch), sizes);
        }
    }
}

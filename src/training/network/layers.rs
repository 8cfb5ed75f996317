//! A fully connected network: forward and backward passes over batches of rows.

use crate::float::Float;
use crate::numeric::dense::panels::Panels;
use crate::numeric::parallel;
use crate::numeric::vector::vectorised;
use crate::training::network::activation::Activation;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayRef2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Slice};
use rand::RngCore;

/// A multilayer perceptron: h_0 = x, h_l = σ(h_{l−1} W_l + b_l), output h_{L−1} W_L + b_L. All parameters lie in one vector, layer after
/// layer, W_l (row-major, inputs × outputs) before b_l.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Network<F> {
    sizes: Vec<usize>,
    activation: Activation,
    parameters: Vec<F>,
}

/// The number of parameters of a network with these layers; none where it is beyond the integers.
pub(crate) fn parameter_count(sizes: &[usize]) -> Option<usize> {
    sizes.windows(2).try_fold(0_usize, |sum, w| sum.checked_add(w[0].checked_add(1)?.checked_mul(w[1])?))
}

/// Where a layer lies in the parameter vector.
#[derive(Debug, Clone, Copy)]
struct Span {
    inputs: usize,
    outputs: usize,
    start: usize,
}

impl Span {
    fn weights(self) -> std::ops::Range<usize> {
        self.start..self.start + self.inputs * self.outputs
    }

    fn bias(self) -> std::ops::Range<usize> {
        let end = self.weights().end;
        end..end + self.outputs
    }
}

fn matrix_mut<F>(values: &mut [F], span: Span) -> ArrayViewMut2<'_, F> {
    ArrayViewMut2::from_shape((span.inputs, span.outputs), values).expect("a weight matrix has inputs × outputs entries")
}

impl<F: Float> Network<F> {
    /// Hidden weights are normal with variance gain²/inputs, biases 0; the last layer is 0, so that training starts from the zero map.
    pub(crate) fn random(sizes: Vec<usize>, activation: Activation, rng: &mut dyn RngCore) -> Self {
        let mut network = Self { sizes, activation, parameters: Vec::new() };
        let layers = network.layers();
        for l in 0..layers {
            let span = network.span(l);
            let deviation = if l + 1 == layers { 0.0 } else { activation.gain() / (span.inputs as f64).sqrt() };
            network.parameters.extend((0..span.weights().len()).map(|_| F::of(deviation * f64::standard_normal(rng))));
            network.parameters.extend(std::iter::repeat_n(F::zero(), span.outputs));
        }
        network
    }

    pub(crate) fn layers(&self) -> usize {
        self.sizes.len() - 1
    }

    #[cfg(feature = "serde")]
    pub(crate) fn inputs(&self) -> usize {
        self.sizes[0]
    }

    #[cfg(feature = "serde")]
    pub(crate) fn outputs(&self) -> usize {
        self.sizes[self.layers()]
    }

    pub(crate) fn parameters(&self) -> &[F] {
        &self.parameters
    }

    pub(crate) fn parameters_mut(&mut self) -> &mut [F] {
        &mut self.parameters
    }

    /// Whether the sizes and the number of parameters agree, and all are finite: what a loaded network must satisfy.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let sized = self.sizes.len() >= 2 && self.sizes.iter().all(|s| *s > 0);
        sized && parameter_count(&self.sizes) == Some(self.parameters.len()) && self.is_finite()
    }

    /// Whether all parameters are finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.parameters.iter().all(|p| p.is_finite())
    }

    fn span(&self, layer: usize) -> Span {
        let start = self.sizes.windows(2).take(layer).map(|w| (w[0] + 1) * w[1]).sum();
        let outputs = self.sizes.get(layer + 1).copied().unwrap_or(0);
        Span { inputs: self.sizes[layer], outputs, start }
    }

    /// Buffers for evaluation alone.
    pub(crate) fn scratch(&self, rows: usize) -> Tape<F> {
        let values = self.sizes.iter().map(|width| Array2::zeros((rows, *width))).collect();
        Tape { rows, values, slopes: Vec::new(), deltas: Vec::new(), gradient: Vec::new(), panels: Panels::default(), loss: 0.0 }
    }

    /// Buffers for batches of at most `rows` rows.
    pub(crate) fn tape(&self, rows: usize) -> Tape<F> {
        let table = |width: &usize| Array2::zeros((rows, *width));
        Tape {
            rows,
            values: self.sizes.iter().map(table).collect(),
            slopes: self.sizes[1..self.layers()].iter().map(table).collect(),
            deltas: self.sizes.iter().map(table).collect(),
            gradient: vec![F::zero(); self.parameters.len()],
            panels: Panels::default(),
            loss: 0.0,
        }
    }

    /// Evaluates the network on the input rows of the tape and keeps what the backward pass needs.
    pub(crate) fn forward(&self, tape: &mut Tape<F>) {
        let Tape { rows, values, slopes, panels, .. } = tape;
        for (l, slopes) in slopes.iter_mut().enumerate() {
            let slopes = entries_mut(slopes, *rows);
            self.layer(
                l,
                values,
                *rows,
                panels,
                #[inline(always)]
                |bias, first, block| self.activation.apply_with_slope(bias, block, &mut slopes[first..][..block.len()]),
            );
        }
        self.last_layer(values, *rows, panels);
    }

    /// Evaluates the network on the input rows of the tape, without the derivatives; the same output as `forward`.
    pub(crate) fn evaluate(&self, tape: &mut Tape<F>) {
        let Tape { rows, values, panels, .. } = tape;
        for l in 0..self.layers() - 1 {
            self.layer(
                l,
                values,
                *rows,
                panels,
                #[inline(always)]
                |bias, _, block| self.activation.apply(bias, block),
            );
        }
        self.last_layer(values, *rows, panels);
    }

    fn last_layer(&self, values: &mut [Array2<F>], rows: usize, panels: &mut Panels<F>) {
        self.layer(
            self.layers() - 1,
            values,
            rows,
            panels,
            #[inline(always)]
            |bias, _, block| add_bias(bias, block),
        );
    }

    /// h_{l+1} = h_l W_l, changed by `finish(b_l, first, block)` block of rows after block, `first` the number of the block's first entry.
    #[inline(always)]
    fn layer(
        &self,
        l: usize,
        values: &mut [Array2<F>],
        rows: usize,
        panels: &mut Panels<F>,
        mut finish: impl FnMut(&[F], usize, &mut [F]),
    ) {
        let span = self.span(l);
        let bias = &self.parameters[span.bias()];
        let (before, after) = values.split_at_mut(l + 1);
        panels.pack(&self.parameters[span.weights()], span.inputs, span.outputs);
        panels.multiply(
            entries(&before[l], rows),
            entries_mut(&mut after[0], rows),
            #[inline(always)]
            |first, block| finish(bias, first, block),
        );
    }

    /// From the derivative of the loss by the outputs (`tape.output_gradient_mut()`), the gradient by all parameters, overwriting
    /// `tape.gradient`. Follows a `forward` on the same tape.
    pub(crate) fn backward(&self, tape: &mut Tape<F>) {
        let rows = Slice::from(..tape.rows);
        for l in (0..self.layers()).rev() {
            let span = self.span(l);
            let (before, after) = tape.deltas.split_at_mut(l + 1);
            let delta = after[0].slice_axis(Axis(0), rows);
            let input = tape.values[l].slice_axis(Axis(0), rows);
            let mut weights = matrix_mut(&mut tape.gradient[span.weights()], span);
            general_mat_mul(F::one(), &input.t(), &delta, F::zero(), &mut weights);
            column_sums(entries(&after[0], tape.rows), &mut tape.gradient[span.bias()]);
            if l == 0 {
                break;
            }
            let slopes = entries(&tape.slopes[l - 1], tape.rows);
            tape.panels.pack_transposed(&self.parameters[span.weights()], span.outputs, span.inputs);
            tape.panels.multiply(
                entries(&after[0], tape.rows),
                entries_mut(&mut before[l], tape.rows),
                #[inline(always)]
                |first, block| {
                    for (d, s) in block.iter_mut().zip(&slopes[first..]) {
                        *d *= *s;
                    }
                },
            );
        }
    }
}

impl<F: Float> Network<F> {
    /// Whether two networks have equal layers and activations.
    pub(crate) fn same_shape(&self, other: &Self) -> bool {
        self.sizes == other.sizes && self.activation == other.activation
    }

    /// Evaluates the network on many rows: `encode(x, input)` makes the input of the network from a row of `x`, `decode(x, input, value, out)`
    /// a row of `out` from the network's value. Buffers are made once for many rows.
    pub(crate) fn eval_rows(
        &self,
        x: &ArrayRef2<F>,
        out: &mut ArrayRef2<F>,
        encode: impl Fn(ArrayView1<'_, F>, ArrayViewMut1<'_, F>) + Sync,
        decode: impl Fn(ArrayView1<'_, F>, ArrayView1<'_, F>, ArrayView1<'_, F>, ArrayViewMut1<'_, F>) + Sync,
    ) {
        /// Rows that share buffers.
        const SHARE: usize = 8192;
        /// Rows in the cache at a time.
        const ROWS: usize = 256;
        let shares: Vec<_> = x.axis_chunks_iter(Axis(0), SHARE).zip(out.axis_chunks_iter_mut(Axis(0), SHARE)).collect();
        parallel::map_items(shares, |(x, mut out)| {
            let mut scratch = self.scratch(ROWS.min(x.nrows()));
            for (x, mut out) in x.axis_chunks_iter(Axis(0), ROWS).zip(out.axis_chunks_iter_mut(Axis(0), ROWS)) {
                scratch.set_rows(x.nrows());
                x.rows().into_iter().zip(scratch.input_mut().rows_mut()).for_each(|(x, to)| encode(x, to));
                self.evaluate(&mut scratch);
                let (input, value) = (scratch.input(), scratch.output());
                let rows = x.rows().into_iter().zip(input.rows()).zip(value.rows());
                rows.zip(out.rows_mut()).for_each(|(((x, input), value), out)| decode(x, input, value, out));
            }
        });
    }
}

/// The first rows of a table.
fn entries<F>(table: &Array2<F>, rows: usize) -> &[F] {
    &table.as_slice().expect("a table in standard layout is contiguous")[..rows * table.ncols()]
}

fn entries_mut<F>(table: &mut Array2<F>, rows: usize) -> &mut [F] {
    let end = rows * table.ncols();
    &mut table.as_slice_mut().expect("a table in standard layout is contiguous")[..end]
}

#[inline(always)]
fn add_bias<F: Float>(bias: &[F], rows: &mut [F]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (z, b) in row.iter_mut().zip(bias) {
            *z += *b;
        }
    }
}

fn column_sums<F: Float>(rows: &[F], out: &mut [F]) {
    out.fill(F::zero());
    vectorised(
        #[inline(always)]
        |_| {
            for row in rows.chunks_exact(out.len()) {
                for (o, v) in out.iter_mut().zip(row) {
                    *o += *v;
                }
            }
        },
    );
}

/// The buffers of a forward and a backward pass over a fixed batch.
#[derive(Debug, Clone)]
pub(crate) struct Tape<F> {
    rows: usize,
    /// h_0 = the input, …, the output.
    values: Vec<Array2<F>>,
    /// σ' at each hidden unit.
    slopes: Vec<Array2<F>>,
    /// Derivative of the loss by each of `values`; the first is unused.
    deltas: Vec<Array2<F>>,
    /// Derivative of the loss by the parameters.
    pub(crate) gradient: Vec<F>,
    /// The weights of the layer at hand.
    panels: Panels<F>,
    /// Whatever loss the last pass reported.
    pub(crate) loss: f64,
}

impl<F: Float> Tape<F> {
    /// Uses only the first `rows` rows from here on.
    pub(crate) fn set_rows(&mut self, rows: usize) {
        assert!(rows <= self.values[0].nrows(), "a tape of {} rows cannot hold {rows}", self.values[0].nrows());
        self.rows = rows;
    }

    pub(crate) fn input_mut(&mut self) -> ArrayViewMut2<'_, F> {
        self.values[0].slice_axis_mut(Axis(0), Slice::from(..self.rows))
    }

    pub(crate) fn input(&self) -> ArrayView2<'_, F> {
        self.values[0].slice_axis(Axis(0), Slice::from(..self.rows))
    }

    pub(crate) fn output(&self) -> ArrayView2<'_, F> {
        self.values[self.values.len() - 1].slice_axis(Axis(0), Slice::from(..self.rows))
    }

    /// The output, and the place for the derivative of the loss by it.
    pub(crate) fn output_and_gradient(&mut self) -> (ArrayView2<'_, F>, ArrayViewMut2<'_, F>) {
        let last = self.values.len() - 1;
        let rows = Slice::from(..self.rows);
        (self.values[last].slice_axis(Axis(0), rows), self.deltas[last].slice_axis_mut(Axis(0), rows))
    }
}

//! A network of an ONNX file: its inputs, what is refused, batches.

use ndarray::{Array2, ArrayRef2, Axis};
use rten::{DataType, Dimension, Model, NodeId, Value, ValueType};
use rten_onnx::onnx::{self, GraphProto, ModelProto};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use std::error::Error;
use std::fs::File;
use std::path::Path;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Names of inputs and output, where the graph leaves a choice, and the rows of one evaluation.
#[derive(Debug, clap::Args)]
pub(crate) struct NetworkOptions {
    /// The input that takes the points; by default the only one whose name is x, or the first.
    #[arg(long)]
    pub(crate) input_x: Option<String>,
    /// The input that takes the time; by default the other one of two.
    #[arg(long)]
    pub(crate) input_time: Option<String>,
    /// The output that holds f; by default the first.
    #[arg(long)]
    pub(crate) output: Option<String>,
    /// Rows of one evaluation, where the graph does not fix their number.
    #[arg(long, default_value_t = 4096, value_parser = super::common::limits::count(1, 1 << 20))]
    pub(crate) batch: usize,
}

/// How the graph takes the time.
#[derive(Debug, Clone, PartialEq)]
struct TimeInput {
    id: NodeId,
    name: String,
    /// Whole numbers are asked for.
    integer: bool,
    /// Its shape behind the rows; `None` where one number stands for the batch.
    one_a_row: Option<Vec<usize>>,
    /// The shape of the one number.
    scalar: Vec<usize>,
}

/// A network f(x, time) in single precision.
pub(crate) struct Network {
    model: Model,
    x: NodeId,
    /// The shape of x behind the rows.
    inner: Vec<usize>,
    time: TimeInput,
    output: NodeId,
    batch: usize,
    /// The graph evaluates this many rows and no others.
    fixed: bool,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("time", &self.time).field("inner", &self.inner).field("batch", &self.batch).finish_non_exhaustive()
    }
}

/// Refuses what the reader would round to single precision without a word: doubles at an input or output, in a tensor of weights, or made on
/// the way. A single number in double precision, as exporters leave behind, is none of these.
fn check_precision(graph: &GraphProto) -> Outcome<()> {
    let double = onnx::DataType::DOUBLE;
    let of_value = |v: &onnx::ValueInfoProto| v.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).and_then(|t| t.elem_type);
    let named = |name: &Option<String>| name.clone().unwrap_or_default();
    let refusal = |what: &str, name: String| {
        let advice = "export the model in single precision: model.float() before torch.onnx.export";
        Err(format!("{what} {name:?} is in double precision, which would be rounded without a word: {advice}").into())
    };
    for (what, values) in [("input", &graph.input), ("output", &graph.output)] {
        if let Some(value) = values.iter().find(|v| of_value(v) == Some(double)) {
            return refusal(what, named(&value.name));
        }
    }
    if let Some(weights) = graph.initializer.iter().find(|w| w.data_type == Some(double) && w.dims.iter().product::<i64>() > 1) {
        return refusal("the tensor", named(&weights.name));
    }
    let to_double = |node: &&onnx::NodeProto| {
        let to = |a: &onnx::AttributeProto| a.name.as_deref() == Some("to") && a.i == Some(i64::from(double.0));
        node.op_type.as_deref() == Some("Cast") && node.attribute.iter().any(to)
    };
    match graph.node.iter().find(to_double) {
        Some(node) => refusal("the value behind the node", named(&node.name)),
        None => Ok(()),
    }
}

impl Network {
    /// Reads a network in `dim` dimensions, with weights beside it where they are kept apart.
    pub(crate) fn load(path: &Path, dim: usize, options: &NetworkOptions) -> Outcome<Self> {
        let shown = path.display();
        let file = File::open(path).map_err(|error| format!("{shown}: {error}"))?;
        let proto = ModelProto::parse_file(file).map_err(|error| format!("{shown}: no ONNX file: {error}"))?;
        let graph = proto.graph.ok_or_else(|| format!("{shown}: no ONNX file: it holds no graph"))?;
        check_precision(&graph).map_err(|error| format!("{shown}: {error}"))?;
        let model = Model::load_file(path).map_err(|error| format!("{shown}: {error}"))?;
        Self::new(model, dim, options).map_err(|error| format!("{shown}: {error}").into())
    }

    fn new(model: Model, dim: usize, options: &NetworkOptions) -> Outcome<Self> {
        let name = |id: NodeId| model.node_info(id).and_then(|i| i.name().map(String::from)).unwrap_or_default();
        let inputs: Vec<(NodeId, String)> = model.input_ids().iter().map(|&id| (id, name(id))).collect();
        let listed = inputs.iter().map(|i| i.1.as_str()).collect::<Vec<_>>().join(", ");
        if let [only] = &inputs[..] {
            return Err(format!("{:?} is its only input: the time was frozen into the graph when it was exported", only.1).into());
        }
        let find = |option: &str, wanted: &str| {
            let found = inputs.iter().find(|i| i.1 == wanted).cloned();
            found.ok_or_else(|| format!("{option} {wanted}: the inputs are {listed}"))
        };
        let x = if let Some(wanted) = &options.input_x {
            find("--input-x", wanted)?
        } else {
            let others = inputs.iter().filter(|i| options.input_time.as_ref() != Some(&i.1));
            let mut others: Vec<_> = others.cloned().collect();
            others.sort_by_key(|i| i.1 != "x");
            others.first().cloned().ok_or("it has no inputs")?
        };
        let time = if let Some(wanted) = &options.input_time {
            find("--input-time", wanted)?
        } else {
            let others: Vec<_> = inputs.iter().filter(|i| i.0 != x.0).cloned().collect();
            let [one] = &others[..] else {
                return Err(format!("the inputs are {listed}: say with --input-x and --input-time which is which").into());
            };
            one.clone()
        };
        if x.0 == time.0 {
            return Err(format!("--input-x and --input-time are both {:?}", x.1).into());
        }
        if inputs.len() > 2 {
            return Err(format!("the inputs are {listed}: a network f(x, time) has two").into());
        }
        let (fixed, inner) = points_shape(&model, &x, dim)?;
        let batch = fixed.unwrap_or(options.batch);
        let output = match &options.output {
            None => *model.output_ids().first().ok_or("it has no output")?,
            Some(wanted) => {
                let found = model.output_ids().iter().copied().find(|&id| name(id) == *wanted);
                found.ok_or_else(|| format!("--output {wanted}: no such output"))?
            }
        };
        let time = time_input(&model, time, batch, fixed.is_some())?;
        Ok(Self { x: x.0, inner, time, output, batch, fixed: fixed.is_some(), model })
    }

    /// The name of the input that takes the time.
    pub(crate) fn time_name(&self) -> &str {
        &self.time.name
    }

    /// f at the rows of `x`, all at one time.
    pub(crate) fn eval(&self, time: f64, x: &ArrayRef2<f64>) -> Outcome<Array2<f64>> {
        if self.time.integer && time.fract() != 0.0 {
            return Err(format!("its input {:?} takes whole numbers, the time is {time}: see --time", self.time.name).into());
        }
        let mut out = Array2::zeros(x.raw_dim());
        for (x, mut out) in x.axis_chunks_iter(Axis(0), self.batch).zip(out.axis_chunks_iter_mut(Axis(0), self.batch)) {
            let rows = if self.fixed { self.batch } else { x.nrows() };
            let mut data: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            // A graph of a fixed number of rows gets the first row again.
            while data.len() < rows * x.ncols() {
                data.push(data[data.len() % x.ncols()]);
            }
            let values = self.run(time, rows, data)?;
            if values.len() != rows * x.ncols() {
                return Err(format!("its output has {} numbers for {rows} rows of {}", values.len(), x.ncols()).into());
            }
            out.iter_mut().zip(&values).for_each(|(o, &v)| *o = f64::from(v));
        }
        Ok(out)
    }

    fn run(&self, time: f64, rows: usize, x: Vec<f32>) -> Outcome<Vec<f32>> {
        let shape: Vec<usize> = std::iter::once(rows).chain(self.inner.iter().copied()).collect();
        let x: Value = Tensor::from_data(&shape, x).into();
        let (shape, count) = match &self.time.one_a_row {
            Some(behind) => (std::iter::once(rows).chain(behind.iter().copied()).collect(), rows),
            None => (self.time.scalar.clone(), 1),
        };
        let t: Value = if self.time.integer {
            Tensor::from_data(&shape, vec![time as i32; count]).into()
        } else {
            Tensor::from_data(&shape, vec![time as f32; count]).into()
        };
        let [value] = self.model.run_n(vec![(self.x, x.into()), (self.time.id, t.into())], [self.output], None)?;
        let value: Tensor<f32> = value.try_into().map_err(|_| "its output is not in single precision")?;
        Ok(value.to_vec())
    }
}

/// The fixed number of rows, where there is one, and the shape behind them.
fn points_shape(model: &Model, (id, name): &(NodeId, String), dim: usize) -> Outcome<(Option<usize>, Vec<usize>)> {
    let info = model.node_info(*id).ok_or("its inputs are not described")?;
    if info.dtype().is_some_and(|t| t != ValueType::Tensor(DataType::Float)) {
        return Err(format!("its input {name:?} takes no numbers in single precision: is it the points? see --input-x").into());
    }
    let Some(shape) = info.shape() else { return Ok((None, vec![dim])) };
    let Some((rows, behind)) = shape.split_first() else {
        return Err(format!("its input {name:?} takes one number: is it the points? see --input-x").into());
    };
    let rows = if let Dimension::Fixed(rows) = rows { Some(*rows) } else { None };
    let size = |d: &Dimension| if let Dimension::Fixed(size) = d { Some(*size) } else { None };
    let inner = match behind.iter().map(size).collect::<Option<Vec<_>>>() {
        Some(inner) => inner,
        None if behind.len() == 1 => vec![dim],
        None => return Err(format!("its input {name:?} leaves more sizes open than that of the batch").into()),
    };
    let size: usize = inner.iter().product();
    if size != dim || rows == Some(0) {
        return Err(format!("its input {name:?} takes points of {size} coordinates, the law has {dim}").into());
    }
    Ok((rows, inner))
}

fn time_input(model: &Model, (id, name): (NodeId, String), batch: usize, fixed: bool) -> Outcome<TimeInput> {
    let info = model.node_info(id).ok_or("its inputs are not described")?;
    let integer = match info.dtype() {
        None | Some(ValueType::Tensor(DataType::Float)) => false,
        Some(ValueType::Tensor(DataType::Int32)) => true,
        _ => return Err(format!("its input {name:?} is no time: neither single precision nor whole numbers").into()),
    };
    let shape = info.shape().unwrap_or_else(|| vec![Dimension::Symbolic(String::new())]);
    let is_one = |d: &Dimension| matches!(d, Dimension::Fixed(1));
    let (one_a_row, scalar) = match shape.split_first() {
        None => (None, Vec::new()),
        Some((first, behind)) if behind.iter().all(is_one) => match first {
            Dimension::Fixed(1) => (None, vec![1; shape.len()]),
            Dimension::Fixed(rows) if !(fixed && *rows == batch) => {
                return Err(format!("its input {name:?} takes {rows} times, the points have another number of rows").into());
            }
            _ => (Some(vec![1; behind.len()]), Vec::new()),
        },
        Some(_) => return Err(format!("its input {name:?} takes more than one number a row: is it the time? see --input-time").into()),
    };
    Ok(TimeInput { id, name, integer, one_a_row, scalar })
}

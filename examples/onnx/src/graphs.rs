//! Graphs of a node or two, for tests.

use super::network::{Network, NetworkOptions, Outcome};
use rten_onnx::onnx::{
    AttributeProto, DataType, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    TypeProtoTensor, ValueInfoProto,
};
use std::fs::File;
use std::path::PathBuf;

/// Sizes of an input: -1 for one left open.
fn value(name: &str, elem_type: DataType, shape: &[i64]) -> ValueInfoProto {
    let dim = shape.iter().enumerate().map(|(axis, &size)| {
        let open = size < 0;
        Dimension { dim_value: (!open).then_some(size), dim_param: open.then(|| format!("n{axis}")) }
    });
    let shape = TensorShapeProto { dim: dim.collect() };
    let tensor = TypeProtoTensor { elem_type: Some(elem_type), shape: Some(shape) };
    ValueInfoProto { name: Some(name.into()), r#type: Some(TypeProto { tensor_type: Some(tensor), sequence: None }) }
}

fn node(op: &str, input: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: Some(format!("node_{output}")),
        op_type: Some(op.into()),
        input: input.iter().map(ToString::to_string).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

/// A graph that is built up piece by piece; its output is f.
pub(crate) struct Graph(GraphProto);

impl Graph {
    pub(crate) fn new() -> Self {
        let output = vec![value("f", DataType::FLOAT, &[-1, 2])];
        Self(GraphProto { output, ..GraphProto::default() })
    }

    pub(crate) fn input(mut self, name: &str, shape: &[i64]) -> Self {
        self.0.input.push(value(name, DataType::FLOAT, shape));
        self
    }

    pub(crate) fn doubles(mut self, name: &str, shape: &[i64]) -> Self {
        self.0.input.push(value(name, DataType::DOUBLE, shape));
        self
    }

    pub(crate) fn integers(mut self, name: &str, shape: &[i64]) -> Self {
        self.0.input.push(value(name, DataType::INT64, shape));
        self
    }

    pub(crate) fn node(mut self, op: &str, input: &[&str], output: &str) -> Self {
        self.0.node.push(node(op, input, output));
        self
    }

    pub(crate) fn cast(mut self, input: &str, to: DataType, output: &str) -> Self {
        let to = AttributeProto { name: Some("to".into()), i: Some(i64::from(to.0)), ..AttributeProto::default() };
        self.0.node.push(NodeProto { attribute: vec![to], ..node("Cast", &[input], output) });
        self
    }

    pub(crate) fn double_weights(mut self, name: &str, weights: &[f64]) -> Self {
        self.0.initializer.push(TensorProto {
            name: Some(name.into()),
            dims: vec![weights.len() as i64],
            data_type: Some(DataType::DOUBLE),
            double_data: weights.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    /// Reads the graph back as a network in two dimensions, by way of a file called `name`.
    pub(crate) fn load(self, name: &str, options: &NetworkOptions) -> Outcome<Network> {
        let path = std::env::temp_dir().join(format!("onestep-onnx-{}-{name}.onnx", std::process::id()));
        let opset = OperatorSetIdProto { domain: None, version: Some(18) };
        let model = ModelProto { ir_version: Some(8), graph: Some(self.0), opset_import: vec![opset], ..ModelProto::default() };
        model.write_file(File::create(&path)?)?;
        let network = Network::load(&path, 2, options);
        std::fs::remove_file(&path)?;
        network
    }
}

pub(crate) fn options() -> NetworkOptions {
    NetworkOptions { input_x: None, input_time: None, output: None, batch: 4096 }
}

pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

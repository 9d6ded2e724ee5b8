//! What runs a model: one trait, and rten behind it.
//!
//! rten computes on threads of its own and on no other, and it starts them when it first loads a model. So a model is
//! loaded after the last fork, by the worker that uses it, and gets one thread.

use std::sync::Arc;

use rten::{DataType, Dimension, ModelOptions, OpRegistry, RunOptions, ThreadPool, Value, ValueType};

use crate::sys::threads::ThreadGroup;
use crate::sys::{clock, process};

/// What a network takes: pictures in RGB, one plane a colour, each value from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether it takes any number of pictures at once; otherwise it takes one.
    pub any_number: bool,
}

impl Input {
    /// The longer of its sides.
    #[must_use]
    pub fn side(&self) -> u32 {
        self.width.max(self.height)
    }

    /// How much memory a picture takes as an input.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (PLANES * size_of::<f32>()) as u64 * u64::from(self.width) * u64::from(self.height)
    }
}

/// Planes of a picture: red, green, blue.
pub const PLANES: usize = 3;

/// What a run of a network came to.
#[derive(Debug)]
pub struct Ran {
    /// A score for each class, one picture after the other.
    pub scores: Vec<f32>,
    /// How long the run waited for the model's thread.
    pub waited_ns: u64,
    /// How long it took.
    pub took_ns: u64,
    /// CPU time of the model's thread.
    pub cpu_ns: u64,
}

/// The variable of the environment that says how many threads rten starts beside those that it is given.
pub const THREADS_VARIABLE: &str = "RTEN_NUM_THREADS";

/// Whose thread a network computes on.
#[derive(Clone, Default)]
pub struct Thread {
    /// The worker's slot.
    pub slot: usize,
    /// Where it enters.
    pub group: Arc<ThreadGroup>,
}

/// A network that is ready to run.
pub trait Network: Sized + Send + Sync {
    /// Reads an ONNX file whose bytes these are.
    ///
    /// # Errors
    /// A sentence: what is wrong with it, and what is allowed.
    fn load(bytes: Vec<u8>, thread: &Thread) -> Result<Self, String>;

    /// What it takes.
    fn input(&self) -> Input;

    /// Its input and output, in words.
    fn shapes(&self) -> String;

    /// Computes the scores of so many pictures.
    ///
    /// # Errors
    /// What the runtime says.
    fn run(&self, pictures: Vec<f32>, number: usize) -> Result<Ran, String>;
}

/// A network of rten.
pub struct Rten {
    model: rten::Model,
    input: Input,
    shapes: String,
    thread: Arc<ThreadPool>,
    group: Arc<ThreadGroup>,
}

/// Declares the operators that models may have, and their names.
macro_rules! operators {
    ($($name:ident)*) => {
        /// The operators that a model may have.
        const OPERATORS: &[&str] = &[$(stringify!($name)),*];

        fn registry() -> OpRegistry {
            rten::op_registry!($($name),*)
        }
    };
}

// Each is a part of the program: all that rten has would be 2 MB more.
operators! {
    Add AveragePool BatchNormalization Cast Clip Concat Conv ConvInteger DequantizeLinear Div DynamicQuantizeLinear
    Flatten Gather Gemm GlobalAveragePool HardSigmoid HardSwish Identity LeakyRelu MatMul MatMulInteger MaxPool Mul
    Pad QuantizeLinear ReduceMean Relu Reshape Sigmoid Softmax Squeeze Sub Tanh Transpose Unsqueeze
}

/// Largest width and height that a model may take.
const SIDE: usize = 1_024;

impl Network for Rten {
    fn load(bytes: Vec<u8>, thread: &Thread) -> Result<Self, String> {
        // Weights that are packed beforehand would spare 3 % of a run, and take 0.85 MB more of each worker.
        let model = ModelOptions::with_ops(registry()).load(bytes).map_err(|error| unreadable(&error))?;
        let (input, shapes) = shapes(&model)?;
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        let (name, entering) = (format!("w{}-model", thread.slot), Arc::clone(&thread.group));
        pool.run(move || {
            process::name_thread(&name);
            entering.enter();
        });
        Ok(Self { model, input, shapes, thread: pool, group: Arc::clone(&thread.group) })
    }

    fn input(&self) -> Input {
        self.input
    }

    fn shapes(&self) -> String {
        self.shapes.clone()
    }

    fn run(&self, pictures: Vec<f32>, number: usize) -> Result<Ran, String> {
        let Input { width, height, .. } = self.input;
        let shape = [number, PLANES, height as usize, width as usize];
        let value = Value::from_shape(shape, pictures).map_err(|error| error.to_string())?;
        let asked_ns = clock::monotonic_ns();
        // A run that begins on the thread stays there, so its clocks are the run's.
        self.thread.run(|| {
            let (begun_ns, begun_cpu_ns) = (clock::monotonic_ns(), clock::thread_cpu_ns());
            let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.thread)));
            let output = self.model.run_one(value.into(), Some(options)).map_err(|error| error.to_string())?;
            let (_, scores) = output.into_shape_vec::<f32, 2>().map_err(|error| error.to_string())?;
            Ok(Ran {
                scores,
                waited_ns: begun_ns.saturating_sub(asked_ns),
                took_ns: clock::monotonic_ns().saturating_sub(begun_ns),
                cpu_ns: clock::thread_cpu_ns().saturating_sub(begun_cpu_ns),
            })
        })
    }
}

impl Drop for Rten {
    fn drop(&mut self) {
        self.thread.run(|| self.group.leave());
    }
}

/// What rten says of a file that it can't load, and what it could.
fn unreadable(error: &rten::LoadError) -> String {
    let error = error.to_string();
    if error.contains("operator error") {
        return format!("{error}; operators that are: {}", OPERATORS.join(", "));
    }
    if error.contains("external data") {
        return format!(
            "{error}; allowed is a model that holds its weights itself (onnx.save with save_as_external_data=False)"
        );
    }
    format!("{error}; allowed is an ONNX file")
}

/// What a model takes, and its input and output in words.
fn shapes(model: &rten::Model) -> Result<(Input, String), String> {
    const ALLOWED: &str = "allowed is one input of float32 [batch, 3, height, width], height and width up to 1024, and one output [batch, classes]";
    let nodes = |ids: &[rten::NodeId]| -> Vec<(String, Option<Vec<Dimension>>, bool)> {
        let of = |id: &rten::NodeId| {
            let node = model.node_info(*id)?;
            let is_float = node.dtype().is_none_or(|kind| kind == ValueType::Tensor(DataType::Float));
            Some((node.name().unwrap_or_default().to_owned(), node.shape(), is_float))
        };
        ids.iter().filter_map(of).collect()
    };
    let (inputs, outputs) = (nodes(model.input_ids()), nodes(model.output_ids()));
    let words = |nodes: &[(String, Option<Vec<Dimension>>, bool)]| {
        let of = |(name, shape, is_float): &(String, Option<Vec<Dimension>>, bool)| {
            let kind = if *is_float { "float32" } else { "no float32" };
            let shape = shape.as_deref().map_or_else(|| "of any shape".to_owned(), spelled);
            format!("{name} {kind} {shape}")
        };
        nodes.iter().map(of).collect::<Vec<_>>().join(" and ")
    };
    let said = format!("input {}, output {}", words(&inputs), words(&outputs));
    let input = match (&inputs[..], &outputs[..]) {
        ([(_, Some(shape), true)], [(_, _, true)]) => input_of(shape),
        _ => None,
    };
    input.map(|input| (input, said.clone())).ok_or_else(|| format!("it has {said}; {ALLOWED}"))
}

fn input_of(shape: &[Dimension]) -> Option<Input> {
    let [batch, Dimension::Fixed(PLANES), Dimension::Fixed(height), Dimension::Fixed(width)] = shape else {
        return None;
    };
    let any_number = match batch {
        Dimension::Fixed(1) => false,
        Dimension::Fixed(_) => return None,
        Dimension::Symbolic(_) => true,
    };
    let side = |pixels: usize| u32::try_from(pixels).ok().filter(|_| (1..=SIDE).contains(&pixels));
    Some(Input { width: side(*width)?, height: side(*height)?, any_number })
}

fn spelled(shape: &[Dimension]) -> String {
    let of = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => size.to_string(),
        Dimension::Symbolic(name) => name.clone(),
    };
    format!("[{}]", shape.iter().map(of).collect::<Vec<_>>().join(", "))
}

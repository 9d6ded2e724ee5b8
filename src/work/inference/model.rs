//! A model: a network and the labels of its classes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::network::{Input, Network, PLANES, Ran, Rten, Thread};
use super::{Guess, NAMED};
use crate::named_file;

/// The model that is a part of the program, country flags, in the form that rten computes soonest.
const FLAGS: &[u8] = include_bytes!("model/flags-rows.onnx");

/// The same, in whole numbers of 8 bits.
const FLAGS_QUANTISED: &[u8] = include_bytes!("model/flags-int8.onnx");

/// Its labels, one a line.
const FLAGS_LABELS: &str = include_str!("model/flags.txt");

/// Largest file of a model, in bytes.
const MOST: u64 = 1 << 30;

/// Largest file of labels, in bytes.
const MOST_LABELS: u64 = 16 << 20;

/// A model as it was given with `--model`, read before the first worker starts.
#[derive(Debug)]
pub struct Given {
    file: PathBuf,
    bytes: Vec<u8>,
    labels: Option<String>,
}

impl Given {
    /// Reads the file, and the labels of the file beside it that ends in `.txt`, if there is one.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(file: &Path) -> Result<Self, String> {
        let given = Self { file: file.to_owned(), bytes: Vec::new(), labels: None };
        let bytes = named_file::bytes(file, MOST).map_err(|error| given.wrong(&error))?;
        let beside = given.beside();
        let labels = beside.try_exists().unwrap_or(true).then(|| {
            let labels = named_file::bytes(&beside, MOST_LABELS).and_then(named_file::utf8);
            labels.map_err(|error| given.wrong(&format!("{}: {error}", beside.display())))
        });
        Ok(Self { bytes, labels: labels.transpose()?, ..given })
    }

    /// Where its labels are looked for.
    fn beside(&self) -> PathBuf {
        self.file.with_extension("txt")
    }

    /// Why there is no quantised one beside it.
    #[must_use]
    pub fn is_not_quantised(&self) -> String {
        self.wrong("quantised=on needs the program's own model; this one may be quantised itself")
    }

    /// What is wrong with it, under its name.
    #[must_use]
    pub fn wrong(&self, sentence: &str) -> String {
        format!("--model {}: {sentence}", self.file.display())
    }
}

/// A network, and what its classes are called.
pub struct Model {
    network: Rten,
    labels: Vec<Arc<str>>,
    /// Why it takes no pictures together, if it does not.
    alone: Option<String>,
}

impl Model {
    /// Loads the model that was given, or that of the program, and tries it.
    ///
    /// # Errors
    /// A sentence: what is wrong with it, and what is allowed.
    pub fn load(given: Option<&Given>, quantised: bool, thread: &Thread) -> Result<Self, String> {
        match given {
            Some(given) if quantised => Err(given.is_not_quantised()),
            Some(given) => Self::of(given.bytes.clone(), given.labels.as_deref(), &given.beside(), thread)
                .map_err(|sentence| given.wrong(&sentence)),
            None => {
                let bytes = if quantised { FLAGS_QUANTISED } else { FLAGS };
                Self::of(bytes.to_vec(), Some(FLAGS_LABELS), Path::new("flags.txt"), thread)
            }
        }
    }

    fn of(bytes: Vec<u8>, labels: Option<&str>, beside: &Path, thread: &Thread) -> Result<Self, String> {
        let network = Rten::load(bytes, thread)?;
        let (classes, alone) = tried(&network)?;
        let labels: Vec<Arc<str>> = match labels {
            None => (0..classes).map(|class| format!("class {class}").into()).collect(),
            Some(labels) => labels.lines().map(|line| line.trim().into()).collect(),
        };
        if labels.len() != classes {
            let (found, beside) = (labels.len(), beside.display());
            return Err(format!(
                "it has {classes} classes, and {beside} {found} labels; allowed is a label a line, as many as classes"
            ));
        }
        Ok(Self { network, labels, alone })
    }

    /// What it takes.
    #[must_use]
    pub fn input(&self) -> Input {
        self.network.input()
    }

    /// Whether it takes pictures together.
    ///
    /// # Errors
    /// A sentence: why not, and what is allowed.
    pub fn takes_several(&self) -> Result<(), String> {
        let sentence = |why: &String| {
            format!(
                "batch=2 and more need a model that takes any number of pictures at once: {why}; allowed is batch=1"
            )
        };
        self.alone.as_ref().map_or(Ok(()), |why| Err(sentence(why)))
    }

    /// Its input, its output and its labels, in words.
    #[must_use]
    pub fn shapes(&self) -> String {
        format!("{}, {} labels", self.network.shapes(), self.labels.len())
    }

    /// The likeliest classes of each of so many pictures.
    ///
    /// # Errors
    /// What the runtime says.
    pub fn run(&self, pictures: Vec<f32>, number: usize) -> Result<(Vec<Vec<Guess>>, Ran), String> {
        let ran = self.network.run(pictures, number)?;
        let top = ran.scores.chunks(self.labels.len().max(1)).map(|scores| self.likeliest(scores)).collect();
        Ok((top, ran))
    }

    fn likeliest(&self, scores: &[f32]) -> Vec<Guess> {
        let mut order: Vec<(&Arc<str>, f32)> = self.labels.iter().zip(scores.iter().copied()).collect();
        order.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        order.truncate(NAMED);
        order.into_iter().map(|(class, score)| Guess { class: Arc::clone(class), score }).collect()
    }
}

/// By how much scores may differ between a picture alone and the same one among others: sums are rounded otherwise.
const ROUNDING: f32 = 1e-3;

/// Runs a network on a black, a grey and a white picture, and on all three together. Returns how many classes it has, and why it
/// takes no pictures together, if it does not.
fn tried(network: &impl Network) -> Result<(usize, Option<String>), String> {
    const SHADES: [f32; 3] = [0.0, 0.5, 1.0];
    let input = network.input();
    let pixels = PLANES * input.width as usize * input.height as usize;
    let mut apart = Vec::new();
    for shade in SHADES {
        let Ran { scores, .. } = network.run(vec![shade; pixels], 1)?;
        if scores.is_empty() || scores.iter().any(|score| !score.is_finite()) {
            return Err(format!(
                "a picture with {shade} everywhere gets {}; allowed are finite scores, one a class",
                if scores.is_empty() { "no score" } else { "a score that is no number (NaN) or infinite" }
            ));
        }
        apart.extend(scores);
    }
    let is_near = |(one, other): (&f32, &f32)| (one - other).abs() <= ROUNDING * one.abs().max(1.0);
    let alone = if input.any_number {
        match network.run(SHADES.iter().flat_map(|shade| vec![*shade; pixels]).collect(), SHADES.len()) {
            Ok(Ran { scores, .. }) if scores.len() == apart.len() && scores.iter().zip(&apart).all(is_near) => None,
            Ok(_) => Some("this one says something else of three pictures together than of each alone".to_owned()),
            Err(reason) => Some(format!("this one fails for three together ({reason})")),
        }
    } else {
        Some("the input of this one has a 1 where [batch, …] would allow it".to_owned())
    };
    Ok((apart.len() / SHADES.len(), alone))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// rten 0.27 computes `ConvInteger` wrongly for several pictures at once. Where this fails, it no longer does: profiles may then
    /// ask for both (`RunModel::fits`).
    #[test]
    fn the_model_takes_pictures_together_and_the_quantised_one_does_not() {
        let takes_several = |quantised| Model::load(None, quantised, &Thread::default()).unwrap().takes_several();
        assert_eq!(takes_several(false), Ok(()));
        let refusal = takes_several(true).unwrap_err();
        assert!(refusal.contains("something else of three pictures together"), "{refusal}");
    }
}

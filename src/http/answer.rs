//! The answer to a workload: what was done, as JSON, with the measured times in `Server-Timing`.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::PartialSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr};

use crate::http::stack::figure::{push_all, push_hexadecimal, push_json, push_null};
use crate::http::stack::record::Exchange;
pub use crate::scoreboard::Spent;
use crate::units::nanoseconds;
use crate::work::Done;
use crate::work::cpu::Computed;
use crate::work::database::Queried;
use crate::work::inference::{Classified, Guess};
use crate::work::io::Waited;
use crate::work::memory::Held;
use crate::work::upload::Uploaded;

/// A finished piece of work, and the request that asked for it.
pub struct Answer {
    /// What was done.
    pub done: Done,
    /// Who asked, and when.
    pub exchange: Exchange,
}

/// A field of the JSON that a finished piece of work is answered with.
enum Field<'a> {
    Count(u64),
    /// Of so many digits.
    Hexadecimal(u64, usize),
    /// Nanoseconds, shown as microseconds.
    Microseconds(u64),
    /// Nanoseconds, shown as milliseconds.
    Milliseconds(u64),
    /// The same; `None` where there was nothing to time.
    MaybeMilliseconds(Option<u64>),
    Word(&'static str),
    Text(&'a str),
    /// With four decimals.
    Score(f32),
    Guesses(&'a [Guess]),
}

/// What was done, field by field. The answer and its shape in the API's document are both made from this.
fn each_field<'d>(done: &'d Done, mut take: impl FnMut(&'static str, Field<'d>)) {
    match done {
        Done::Cpu(done) => {
            let Computed { iterations, checksum, cpu_ns, wall_ns, pool_ns: _ } = *done;
            take("iterations", Field::Count(iterations));
            take("checksum", Field::Hexadecimal(checksum, 16));
            take("cpu_us", Field::Microseconds(cpu_ns));
            take("wall_us", Field::Microseconds(wall_ns));
        }
        Done::Io(done) => {
            let Waited { asked, waited_ns, mode, pool_ns: _, loop_ns: _ } = *done;
            take("asked_ms", Field::Milliseconds(nanoseconds(asked)));
            take("waited_ms", Field::Milliseconds(waited_ns));
            take("mode", Field::Word(mode.name()));
        }
        Done::Memory(done) => {
            let Held { bytes, pages, held_ns, cpu_ns, loop_ns: _ } = *done;
            take("bytes", Field::Count(bytes));
            take("pages", Field::Count(pages));
            take("held_ms", Field::Milliseconds(held_ns));
            take("cpu_us", Field::Microseconds(cpu_ns));
        }
        Done::Upload(done) => {
            let Uploaded { bytes, crc32, first_byte_ns, last_byte_ns, cpu_ns: _, spent_ns: _ } = *done;
            take("bytes", Field::Count(bytes));
            take("crc32", Field::Hexadecimal(crc32.into(), 8));
            take("first_byte_ms", Field::MaybeMilliseconds(first_byte_ns));
            take("last_byte_ms", Field::MaybeMilliseconds(last_byte_ns));
        }
        Done::Database(done) => {
            let Queried { kind, rows, sum, acquire_ns, db_ns, busy_ns, think_ns, pool_ns: _ } = *done;
            take("query", Field::Word(kind.name()));
            take("rows", Field::Count(rows));
            take("sum", Field::Count(sum));
            take("acquire_ms", Field::Milliseconds(acquire_ns));
            take("db_ms", Field::Milliseconds(db_ns));
            take("busy_ms", Field::Milliseconds(busy_ns));
            take("think_ms", Field::Milliseconds(think_ns));
        }
        Done::Inference(done) => {
            let Classified {
                top,
                format,
                width,
                height,
                decode_ns,
                resize_ns,
                infer_ns,
                batch,
                pool_ns: _,
                io_ns: _,
                kept,
            } = &**done;
            let best = top.first();
            take("class", Field::Text(best.map_or("", |best| &best.class)));
            take("score", Field::Score(best.map_or(0.0, |best| best.score)));
            take("top", Field::Guesses(top));
            take("format", Field::Word(format));
            take("width", Field::Count((*width).into()));
            take("height", Field::Count((*height).into()));
            take("decode_ms", Field::Milliseconds(*decode_ns));
            take("resize_ms", Field::Milliseconds(*resize_ns));
            take("infer_ms", Field::Milliseconds(*infer_ns));
            take("batch", Field::Count(*batch));
            take("cache", Field::Word(kept.map_or("off", |is_kept| if is_kept { "hit" } else { "miss" })));
        }
    }
}

impl Field<'_> {
    fn push(&self, text: &mut Vec<u8>) {
        match *self {
            Self::Count(number) => push_json(text, number, 0),
            Self::Hexadecimal(number, digits) => push_hexadecimal(text, number, digits),
            Self::Microseconds(nanoseconds) => push_json(text, nanoseconds, 3),
            Self::Milliseconds(nanoseconds) | Self::MaybeMilliseconds(Some(nanoseconds)) => {
                push_json(text, nanoseconds, 6);
            }
            Self::MaybeMilliseconds(None) => push_null(text),
            Self::Word(word) => push_all(text, ["\"", word, "\""]),
            // A string always becomes JSON.
            Self::Text(words) => text.extend(serde_json::to_vec(words).unwrap_or_default()),
            Self::Score(score) => text.extend(format!("{score:.4}").bytes()),
            Self::Guesses(guesses) => {
                let mut before = "[{\"class\":";
                for Guess { class, score } in guesses {
                    text.extend_from_slice(before.as_bytes());
                    Field::Text(class).push(text);
                    text.extend_from_slice(b",\"score\":");
                    Field::Score(*score).push(text);
                    before = "},{\"class\":";
                }
                text.extend_from_slice(if guesses.is_empty() { b"[]" } else { b"}]" });
            }
        }
    }

    fn schema(&self) -> RefOr<Schema> {
        match self {
            Self::Count(_) => u64::schema(),
            Self::Hexadecimal(..) | Self::Word(_) | Self::Text(_) => String::schema(),
            Self::Microseconds(_) | Self::Milliseconds(_) | Self::Score(_) => f64::schema(),
            Self::Guesses(_) => {
                let guess = ObjectBuilder::new().property("class", String::schema()).required("class");
                ArrayBuilder::new().items(guess.property("score", f64::schema()).required("score")).into()
            }
            Self::MaybeMilliseconds(_) => Option::<f64>::schema(),
        }
    }
}

/// Appends what was done as a JSON object whose length does not depend on its figures.
pub fn push_object(text: &mut Vec<u8>, done: &Done) {
    let mut before = "{\"";
    each_field(done, |name, field| {
        push_all(text, [before, name, "\":"]);
        field.push(text);
        before = ",\"";
    });
    text.push(b'}');
}

/// The shape of the object that such a piece of work is answered with; of its figures none matters.
pub fn schema(done: &Done) -> RefOr<Schema> {
    let mut object = Some(ObjectBuilder::new());
    each_field(done, |name, field| {
        object = object.take().map(|object| object.property(name, field.schema()).required(name));
    });
    object.unwrap_or_default().into()
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Self { done, exchange } = self;
        let mut body = Vec::with_capacity(160);
        push_object(&mut body, &done);
        body.push(b'\n');
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        exchange.spent(spent_on(std::slice::from_ref(&done)));
        response
    }
}

/// What pieces of work have spent together.
pub fn spent_on(done: &[Done]) -> Spent {
    let mut spent = Spent::default();
    for done in done {
        let (acquire_ns, db_ns) = done.database_ns();
        let (decode_ns, resize_ns, infer_ns) = done.inference_ns();
        spent.add(&Spent {
            cpu_ns: done.cpu_ns(),
            io_ns: done.io_ns(),
            pool_ns: done.pool_ns(),
            acquire_ns,
            db_ns,
            decode_ns,
            resize_ns,
            infer_ns,
            injected_ns: 0,
        });
    }
    spent
}

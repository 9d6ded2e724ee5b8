//! What one method of one path does and answers, as the API's document has it.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, Schema};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{HeaderBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required};
use utoipa::openapi::{ResponseBuilder, Type};
use utoipa::{PartialSchema, ToSchema};

use super::parameter::Documented;
use crate::http::AnsweredRefusal;
use crate::units::Bytes;

/// Name of the security scheme of writes.
const TOKEN: &str = "token";

/// JSON, as it is called.
pub const JSON: &str = "application/json";

/// Bytes without a meaning.
pub const BYTES: &str = "application/octet-stream";

/// Text in UTF-8.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// One operation in the making.
pub struct Described {
    builder: OperationBuilder,
}

impl Described {
    /// What it does, in a line.
    #[must_use]
    pub fn new(summary: impl Into<String>) -> Self {
        Self { builder: OperationBuilder::new().summary(Some(summary)) }
    }

    /// What else there is to say.
    #[must_use]
    pub fn more(self, description: &str) -> Self {
        if description.is_empty() {
            return self;
        }
        Self { builder: self.builder.description(Some(description)) }
    }

    /// Under which heading it stands.
    #[must_use]
    pub fn tag(self, tag: &str) -> Self {
        Self { builder: self.builder.tag(tag) }
    }

    /// What it reads from the path and the query.
    #[must_use]
    pub fn takes(mut self, parameters: Vec<Documented>, in_path: Option<&str>) -> Self {
        for parameter in parameters {
            let place = if in_path == Some(&*parameter.name) { ParameterIn::Path } else { ParameterIn::Query };
            self.builder = self.builder.parameter(parameter.build(place));
        }
        self
    }

    /// A header that it reads.
    #[must_use]
    pub fn header(self, header: Documented) -> Self {
        Self { builder: self.builder.parameter(header.build(ParameterIn::Header)) }
    }

    /// A body that it reads: its type and shape.
    #[must_use]
    pub fn reads(self, kind: &str, schema: RefOr<Schema>, is_needed: bool, example: Option<Value>) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).example(example).build();
        let required = if is_needed { Required::True } else { Required::False };
        let body = RequestBodyBuilder::new().content(kind, content).required(Some(required)).build();
        Self { builder: self.builder.request_body(Some(body)) }
    }

    /// A body of any bytes that need not be sent.
    #[must_use]
    pub fn reads_bytes(self) -> Self {
        self.reads(BYTES, string(), false, None)
    }

    /// A body of up to `most` bytes, the limit of `--max-body`, that need not be sent.
    #[must_use]
    pub fn reads_up_to(self, most: u64) -> Self {
        self.more(&format!("up to {} (--max-body)", Bytes(most))).reads_bytes()
    }

    /// An answer with a body of a type and shape.
    #[must_use]
    pub fn answers(self, status: &str, says: &str, kind: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.response(status, ResponseBuilder::new().description(says).content(kind, content(schema)))
    }

    /// An answer without a body.
    #[must_use]
    pub fn answers_empty(self, status: &str, says: &str) -> Self {
        self.response(status, ResponseBuilder::new().description(says))
    }

    /// An answer with these headers, each with what it says.
    #[must_use]
    pub fn response(self, status: &str, response: ResponseBuilder) -> Self {
        Self { builder: self.builder.response(status, response.build()) }
    }

    /// The refusals that it can be answered with: those of [`REFUSALS`].
    #[must_use]
    pub fn refuses(mut self, codes: &[u16]) -> Self {
        for code in codes {
            self.builder = self.builder.response(code.to_string(), Ref::from_response_name(refusal_name(*code)));
        }
        self
    }

    /// It needs the token, if there is one.
    #[must_use]
    pub fn guarded(self, by_token: bool) -> Self {
        if !by_token {
            return self;
        }
        Self { builder: self.builder.security(SecurityRequirement::new::<_, [String; 0], String>(TOKEN, [])) }
    }

    /// Called by its method and path, in letters that every generator of clients takes.
    fn build(self, method: &str, path: &str, taken: &mut BTreeSet<String>) -> Operation {
        let words = path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let words: Vec<String> = std::iter::once(method.to_lowercase()).chain(words.map(str::to_owned)).collect();
        let name = words.join("_");
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let free = names.find(|name| taken.insert(name.clone())).unwrap_or_default();
        self.builder.operation_id(Some(free)).build()
    }
}

/// A type's shape, with a body's type.
pub fn content(schema: impl Into<RefOr<Schema>>) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

/// The shape of one of our own types, in place.
#[must_use]
pub fn shape<T: PartialSchema>() -> RefOr<Schema> {
    T::schema()
}

/// A body that is bytes or text.
#[must_use]
pub fn string() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// A header of an answer.
#[must_use]
pub fn header(does: &str, pattern: &str) -> utoipa::openapi::Header {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    HeaderBuilder::new().schema(Some(schema)).description(Some(does)).build()
}

/// Every refusal there is, and when.
pub const REFUSALS: &[(u16, &str)] = &[
    (400, "A value that can't be taken, a broken body, or a request that is not HTTP as RFC 9112 has it"),
    (401, "The token is missing, or the cookie that another route sets"),
    (403, "Not the token of this target, or a page of somewhere else"),
    (404, "There is nothing here"),
    (405, "This path does not take this method; `Allow` says what it takes"),
    (408, "The body takes too long"),
    (409, "There is no room for more"),
    (412, "`If-Match` names none of what is here"),
    (413, "The body is over its limit, which the sentence names"),
    (414, "The target of the request is too long"),
    (415, "The body is of no type that is taken"),
    (416, "The `Range` begins behind the end"),
    (421, "Not served under this name"),
    (429, "Over a rate limit of the profile; `Retry-After` says when to come again"),
    (431, "The head has more than 100 header lines, or 32 KiB"),
    (500, "A handler panicked: a mistake of ours"),
    (501, "A coding or method that is not served"),
    (503, "Over a limit that requests share, or not ready; the sentence says which"),
    (504, "The order is in force, and a worker has not followed it in time"),
    (507, "The orders are too long for the page that the workers read"),
];

fn refusal_name(code: u16) -> String {
    let reason = StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason()).unwrap_or("Other");
    reason.split_whitespace().collect()
}

/// The methods of a route that takes any. HEAD is left out here as it is wherever GET is.
const ANY: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// All paths of a listener in the making.
#[derive(Default)]
pub struct Document {
    paths: Paths,
    taken: BTreeSet<String>,
}

impl Document {
    /// One route; `ANY` stands for every method that has no route of its own.
    pub fn add(&mut self, method: &str, path: &str, described: impl Fn() -> Described) {
        let methods = if method == "ANY" { ANY.to_vec() } else { vec![method] };
        for name in methods {
            let Some(known) = of_name(name) else { continue };
            let has_own = self.paths.get_path_operation(path, known.clone()).is_some();
            if !has_own {
                self.paths.add_path_operation(path, vec![known], described().build(name, path, &mut self.taken));
            }
        }
    }

    /// The whole.
    #[must_use]
    pub fn finish(self, title: &str, version: &str, description: &str, by_token: bool) -> OpenApi {
        let mut components = ComponentsBuilder::new().schema(AnsweredRefusal::name(), AnsweredRefusal::schema());
        for (code, says) in REFUSALS {
            let response = ResponseBuilder::new().description(*says);
            let response = response.content(JSON, content(Ref::from_schema_name(AnsweredRefusal::name())));
            components = components.response(refusal_name(*code), response.build());
        }
        if by_token {
            let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            components = components.security_scheme(TOKEN, scheme);
        }
        let info = InfoBuilder::new().title(title).version(version).description(Some(description)).build();
        OpenApiBuilder::new().info(info).paths(self.paths).components(Some(components.build())).build()
    }
}

fn of_name(method: &str) -> Option<HttpMethod> {
    Some(match method {
        "GET" => HttpMethod::Get,
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        "OPTIONS" => HttpMethod::Options,
        "TRACE" => HttpMethod::Trace,
        "HEAD" => HttpMethod::Head,
        _ => return None,
    })
}

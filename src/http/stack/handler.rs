//! Handlers: functions of what they take from a request.

use std::convert::Infallible;
use std::future::Future;
use std::mem::take;
use std::pin::Pin;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};

use super::record::Exchange;
use super::request::Request;
use crate::http::query::Slot;
use crate::http::target::Target;

/// A response in the making.
pub type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What a handler takes from its request.
pub trait Argument: Sized + Send {
    /// What the request is answered that doesn't have it.
    type Refusal: IntoResponse;

    /// Takes it. The arguments of a handler are taken in their order; the header lines and the body are gone from the
    /// request then.
    fn take(request: &mut Request) -> impl Future<Output = Result<Self, Self::Refusal>> + Send;
}

/// An asynchronous function of up to five arguments that returns a response.
pub trait Handler<T>: Clone + Send + Sync + 'static {
    /// Takes its arguments and answers.
    fn answer(self, request: Box<Request>) -> Answering;
}

macro_rules! handlers {
    ($(($($argument:ident)*))*) => {$(
        #[allow(non_snake_case, unused_mut, unused_variables)] // types give the arguments their names; there may be none
        impl<F, Answer, R, $($argument),*> Handler<($($argument,)*)> for F
        where
            F: FnOnce($($argument),*) -> Answer + Clone + Send + Sync + 'static,
            Answer: Future<Output = R> + Send,
            R: IntoResponse,
            $($argument: Argument,)*
        {
            fn answer(self, mut request: Box<Request>) -> Answering {
                Box::pin(async move {
                    $(let $argument = match $argument::take(&mut request).await {
                        Ok(argument) => argument,
                        Err(refusal) => return refusal.into_response(),
                    };)*
                    // It may take long to answer.
                    drop(request);
                    self($($argument),*).await.into_response()
                })
            }
        }
    )*};
}

handlers! { () (A) (A B) (A B C) (A B C D) (A B C D E) }

impl Argument for State<Target> {
    type Refusal = Infallible;

    async fn take(request: &mut Request) -> Result<Self, Infallible> {
        Ok(Self(request.target.clone()))
    }
}

impl Argument for Method {
    type Refusal = Infallible;

    async fn take(request: &mut Request) -> Result<Self, Infallible> {
        Ok(request.method.clone())
    }
}

impl Argument for Uri {
    type Refusal = Infallible;

    async fn take(request: &mut Request) -> Result<Self, Infallible> {
        Ok(request.uri.clone())
    }
}

impl Argument for HeaderMap {
    type Refusal = Infallible;

    async fn take(request: &mut Request) -> Result<Self, Infallible> {
        Ok(take(request.headers.get()))
    }
}

impl Argument for Body {
    type Refusal = Infallible;

    async fn take(request: &mut Request) -> Result<Self, Infallible> {
        Ok(take(&mut request.body))
    }
}

/// To be taken behind the parameters: it counts what their modifiers have waited.
impl Argument for Exchange {
    type Refusal = Infallible;

    async fn take(request: &mut Request) -> Result<Self, Infallible> {
        let mut exchange = request.exchange.clone();
        exchange.add_injected(request.modifiers.as_ref().map_or(0, Slot::waited_ns));
        Ok(exchange)
    }
}

//! The connection that a worker's pipelined queries share: each is sent at once behind those before it, whose answers may
//! still be to come. The server answers in turn.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Client, Server};
use crate::work::database::connections::Answer;
use crate::work::database::query::{Ask, Trouble};

/// The connection, once there is one.
#[derive(Default)]
pub struct Pipeline(Mutex<Option<Arc<Client>>>);

impl Server {
    /// The connection that pipelined queries share. The first to need it opens it, and the others wait for that.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn shared(&self) -> Result<Arc<Client>, Trouble> {
        let mut shared = self.pipeline.0.lock().await;
        match &*shared {
            Some(client) if !client.is_closed() => Ok(Arc::clone(client)),
            _ => Ok(Arc::clone(shared.insert(Arc::new(self.client().await?)))),
        }
    }
}

impl Client {
    /// Answers a query among others. One that gets no answer in time takes the connection along, and with it those behind it:
    /// their answers would come after its own.
    pub async fn answer_among_others(&self, ask: &Ask) -> Answer {
        let answer = self.answer(ask).await;
        if matches!(answer.found, Err(Trouble::NoAnswer { .. })) {
            self.abandon();
        }
        answer
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Pipeline")
    }
}

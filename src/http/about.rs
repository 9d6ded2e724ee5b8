//! What the target says about itself: `GET /`, and the pages under `/docs`.

pub mod docs;
pub mod index;

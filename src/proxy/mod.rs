//! The data plane: what happens to one request, phase by phase, on one thread. Decides upon
//! snapshots only; never sees the store.

mod body;
mod cookies;
mod exchange;
mod explain;
mod handle;
mod headers;
mod ids;
mod limits;
mod password;
mod reasons;
mod refused;
mod reject;
mod target;
mod upstream;
mod worker;

pub use explain::{Asker, Explanation, Phase, Question, Step, explain};
pub use handle::handle;
pub use reject::Refusal;
pub use target::{Host, Target, target};
pub use worker::{Worker, WorkerParts};

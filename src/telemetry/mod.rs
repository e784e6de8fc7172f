//! What the gateway says about itself: metric families, the access log's line, and the set-up of
//! diagnostics. Knows no request type, no tenant rule, and nothing else of the crate.

mod access;
mod cell;
mod collect;
mod diagnostics;
mod failure;
mod histogram;
mod line;
mod metrics;
mod node;
mod process;
mod quote;
mod series;
mod stamp;
mod worker;

pub use access::{AccessLog, AccessWriter, Sink};
pub use diagnostics::{DiagnosticsError, init};
pub use failure::{HandshakeFailure, UpstreamFailure};
pub use histogram::Histogram;
pub use line::{Entry, Format};
pub use metrics::Metrics;
pub use quote::is_unsafe;
pub use series::{ServiceSeries, Traffic};
pub use worker::Worker;

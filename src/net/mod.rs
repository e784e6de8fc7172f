//! Sockets, TLS and the life of a connection: accept, handshake, HTTP, drain. Knows no tenant, no
//! credential and no back end.

mod conn;
pub mod fetch;
mod gather;
mod guard;
mod listen;
mod serve;
mod stream;
mod timers;
mod tls;

pub use conn::{Call, Conn};
pub use guard::{Guard, MAX_NAME, Violation};
pub use listen::{ListenError, bind};
pub use serve::{Event, Port, Refused, serve};
pub use stream::Joined;
pub use timers::{Timer, Timers};
pub use tls::{Certificates, TlsError, server_config};

//! tenantry: an authentication gateway for multi-tenant back ends.
//!
//! Records go in at the top, are compiled into what the data plane decides upon, and a request
//! falls through that in a straight line.
//!
//! # The rooms, lowest first; a module imports from strictly lower lines only (`tests/tidy.rs`)
//!
//! ```text
//!  8  main cli
//!  7  server
//!  5  admin
//!  4  control  proxy
//!  3  auth
//!  2  snapshot
//!  1  config  store  net  catalog
//!  0  model  telemetry
//! ```
//!
//! # Invariants, each with the test that holds it
//!
//! 1. The data plane never waits for the store: it decides upon [`snapshot::Snapshot`] only
//!    (`tests/tidy.rs`: `proxy` and `auth` import nothing of `store`).
//! 2. One request sees one state: the snapshot is loaded once and passed down
//!    (`proxy::handle`; `tests/lifecycle.rs`: services change under load).
//! 3. Nothing reaches an upstream without an [`auth::Permit`], and only [`auth::permit()`] makes
//!    one (the doc test on `Permit` shows that forging one does not compile).
//! 4. Nothing is written except through [`control`], which checks, commits, audits, and answers when
//!    the write is live (`tests/admin.rs`, `tests/audit.rs`).
//! 5. What was judged is what is forwarded (`tests/target.rs`, `tests/headers.rs`).
//! 6. What does not parse denies; a bad reload keeps the last good one (`tests/tls.rs`,
//!    `tests/lifecycle.rs`).
//! 7. Secrets are stored as hashes, compared in constant time, and have no `Debug`
//!    (`tests/leaks.rs`: all output is searched for planted secrets).
//! 8. An admin write is live on the answering node when its response is sent (`tests/admin.rs`).
//! 9. A cached verdict dies with its credential, its key and its tenant (`tests/tokens.rs`;
//!    `auth/tests.rs` and `auth/account/tests.rs` against raw records).

// These panic when nobody reads: `cli::show` writes.
#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod admin;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod control;
pub mod model;
pub mod net;
pub mod proxy;
pub mod server;
pub mod snapshot;
pub mod store;
pub mod telemetry;

//! The configuration, as written (`file`, private to this folder) and as used ([`Settings`]).
//! Knows no socket and no store.

mod settings;

pub use settings::{AccessLog, AdminPort, Listener, LogFormat, Settings, StoreSettings, Telemetry, TlsFiles};

//! What the tests share: a real gateway on ports of the kernel's choice, back ends that record what
//! reaches them, callers that speak raw bytes, and other people's programs. Nothing here stands in
//! for a part of tenantry.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

pub mod door;
pub mod forge;
pub mod frames;
pub mod gateway;
pub mod h2;
pub mod hand;
pub mod peers;
pub mod process;
pub mod program;
pub mod raw;
pub mod streams;
pub mod tls;
pub mod upstream;
pub mod wire;

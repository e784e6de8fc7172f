//! What the tests share: a real gateway on ports of the kernel's choice, back ends that record what
//! reaches them, and callers that speak raw bytes. Nothing here stands in for a part of tenantry.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

pub mod door;
pub mod forge;
pub mod gateway;
pub mod h2;
pub mod raw;
pub mod upstream;

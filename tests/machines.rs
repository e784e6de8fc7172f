//! Service accounts and API tokens: what they open on the data plane, what the admin port says of
//! them, and who may make them.

#[path = "machines/accounts.rs"]
mod accounts;
#[path = "machines/door.rs"]
mod door;
#[path = "machines/keeping.rs"]
mod keeping;
#[path = "machines/seed.rs"]
mod seed;
#[path = "machines/stage.rs"]
mod stage;
mod support;
#[path = "machines/tokens.rs"]
mod tokens;

//! Tenants and what is theirs, from both sides: who may make, see, change and delete them, their own
//! keys, all that goes with them, and how their states and options decide on the data plane.

#[path = "support/control.rs"]
mod control;
mod support;

#[path = "tenancy/estate.rs"]
mod estate;
#[path = "tenancy/keys.rs"]
mod keys;
#[path = "tenancy/people.rs"]
mod people;
#[path = "tenancy/plane.rs"]
mod plane;
#[path = "tenancy/records.rs"]
mod records;
#[path = "tenancy/speech.rs"]
mod speech;

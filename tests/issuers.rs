//! Identity providers: what is read of them, whose tokens are believed by that, and who may say so.

mod support;

#[path = "issuers/fetching.rs"]
mod fetching;
#[path = "issuers/idp.rs"]
mod idp;
#[path = "issuers/managing.rs"]
mod managing;
#[path = "issuers/scene.rs"]
mod scene;
#[path = "issuers/serving.rs"]
mod serving;

//! Isolation, tested: every operation of the admin port's document, and every line of the data plane's
//! catalog, against every kind of caller and of credential. What each gets stands in one table.

#[path = "walk/admin.rs"]
mod admin;
#[path = "support/control.rs"]
mod control;
#[path = "walk/foreign.rs"]
mod foreign;
#[path = "walk/plane.rs"]
mod plane;
#[path = "walk/scene.rs"]
mod scene;
#[path = "support/mod.rs"]
mod support;
#[path = "walk/table.rs"]
mod table;
#[path = "walk/troupe.rs"]
mod troupe;

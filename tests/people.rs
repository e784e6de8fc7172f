//! People at the admin port: users, their own accounts, sessions by cookie, the first set-up. And
//! what must follow from each change: what goes with whom, and that somebody is always left in charge.

#[path = "people/cast.rs"]
mod cast;
#[path = "people/own.rs"]
mod own;
#[path = "people/sessions.rs"]
mod sessions;
#[path = "people/setup.rs"]
mod setup;
#[path = "people/slow.rs"]
mod slow;
#[path = "support/control.rs"]
mod support;
#[path = "people/users.rs"]
mod users;

//! Who may what in a tenant, as the admin port's callers see it: roles, bindings, groups and access;
//! every status, every cascade, and that nobody gets past what they have.

#[path = "roles/access.rs"]
mod access;
#[path = "roles/bindings.rs"]
mod bindings;
#[path = "roles/cast.rs"]
mod cast;
#[path = "roles/climbing.rs"]
mod climbing;
#[path = "roles/groups.rs"]
mod groups;
#[path = "roles/making.rs"]
mod making;
#[path = "roles/together.rs"]
mod together;
#[path = "roles/walls.rs"]
mod walls;

#[path = "support/control.rs"]
mod support;

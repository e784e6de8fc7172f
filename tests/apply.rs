//! Records as documents: plans, what they do and leave alone, who may, and what comes back out. At the
//! admin port, and by the program as people run it.

#[path = "apply/climbing.rs"]
mod climbing;
#[path = "apply/desk.rs"]
mod desk;
#[path = "apply/flaws.rs"]
mod flaws;
#[path = "apply/plans.rs"]
mod plans;
#[path = "apply/program.rs"]
mod program;
#[path = "apply/prune.rs"]
mod prune;
#[path = "apply/secrets.rs"]
mod secrets;

#[path = "support/control.rs"]
mod support;

#[path = "roles/cast.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod cast;

#[path = "cli/run.rs"]
mod run;

#[path = "cli/served.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod served;

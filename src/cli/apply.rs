//! `tenantry apply`: documents compared with what there is, shown as a plan, and carried out.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::client::{Client, ClientError};
use super::connect::Connect;
use super::documents::{Documents, Files, Passwords, is_empty, outcome, print};
use super::fault::Failure;
use super::prompt;
use super::show::say;

const PATH: &str = "/api/v1/apply";
/// Each tenant is a commit of its own, and there can be thousands.
const PATIENCE: Duration = Duration::from_mins(15);

#[derive(clap::Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Apply {
    #[command(flatten)]
    files: Files,
    /// Only show what would happen
    #[arg(long)]
    dry_run: bool,
    /// Delete what belongs to the documents' tenants and is in none of their lists, of the kinds listed
    #[arg(long)]
    prune: bool,
    /// Delete the tenants of which no document speaks, with all that is theirs
    #[arg(long)]
    prune_tenants: bool,
    /// Set passwords also of users who are there already, where passwordFrom says from what
    #[arg(long)]
    reset_passwords: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    connect: Connect,
}

pub async fn run(args: &Apply) -> Result<(), Failure> {
    let parts = args.files.read()?.parts()?;
    let client = args.connect.client()?;
    let count = parts.len();
    if count > 1 && args.prune_tenants {
        return Err(Failure::usage(
            "--prune-tenants takes all documents in one request: at most 10000 of them, and 7 MiB",
        ));
    }
    for (nth, mut documents) in parts.into_iter().enumerate() {
        if count > 1 {
            say!("part {} of {count}: {} documents", nth + 1, documents.values.len());
        }
        args.part(&client, &mut documents).await?;
    }
    Ok(())
}

impl Apply {
    /// What one request takes.
    async fn part(&self, client: &Client, documents: &mut Documents) -> Result<(), Failure> {
        let passwords = Passwords::taken(documents)?;
        let mut plan = self.send(client, documents, true, None).await?;
        let users = (!self.reset_passwords).then(|| created(&plan));
        if passwords.fill(documents, users.as_ref(), self.dry_run)? {
            plan = self.send(client, documents, true, None).await?;
        }
        print(&plan, self.connect.output)?;
        if self.dry_run || is_empty(&plan) {
            return Ok(());
        }
        let agreed = if self.yes {
            None
        } else {
            prompt::confirm("Shall this be done?")?;
            plan["plan"].as_str()
        };
        outcome(&self.send(client, documents, false, agreed).await?)
    }

    async fn send(
        &self,
        client: &Client,
        documents: &Documents,
        dry_run: bool,
        agreed: Option<&str>,
    ) -> Result<Value, Failure> {
        let form = json!({
            "documents": documents.values,
            "dryRun": dry_run,
            "prune": self.prune,
            "pruneTenants": self.prune_tenants,
            "resetPasswords": self.reset_passwords,
            "plan": agreed,
        });
        let answer = client.post_within(PATH, &form, PATIENCE).await;
        let answer = answer.map_err(|error| match error {
            ClientError::Slow { .. } | ClientError::Broken { .. } if !dry_run => Failure::Other(anyhow!(
                "{error}\nSome tenants may be done, each of them whole: apply again, that does the rest"
            )),
            error => documents.located(error),
        })?;
        Ok(answer.document)
    }
}

/// What `documents` would change; for who only looks.
pub async fn difference(client: &Client, documents: &Documents, prune: bool) -> Result<Value, Failure> {
    let form = json!({"documents": documents.values, "dryRun": true, "prune": prune});
    let answer = client.post_within(PATH, &form, PATIENCE).await;
    Ok(answer.map_err(|error| documents.located(error))?.document)
}

/// The users that a plan makes.
fn created(plan: &Value) -> BTreeSet<String> {
    let changes = plan["changes"].as_array().into_iter().flatten();
    let users = changes.filter(|change| change["action"] == "create" && change["kind"] == "User");
    users.filter_map(|change| change["name"].as_str().map(str::to_owned)).collect()
}

//! `tenantry apply`: documents compared with what there is, shown as a plan, and carried out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::Client;
use super::connect::Connect;
use super::documents::{Documents, Files, Passwords, is_empty, outcome, print};
use super::fault::Failure;
use super::prompt;

const PATH: &str = "/api/v1/apply";

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
    let mut documents = args.files.read()?;
    let passwords = Passwords::taken(&mut documents)?;
    let client = args.connect.client()?;
    let mut plan = args.send(&client, &documents, true, None).await?;
    let users = (!args.reset_passwords).then(|| created(&plan));
    if passwords.fill(&mut documents, users.as_ref(), args.dry_run)? {
        plan = args.send(&client, &documents, true, None).await?;
    }
    print(&plan, args.connect.output)?;
    if args.dry_run || is_empty(&plan) {
        return Ok(());
    }
    let agreed = if args.yes {
        None
    } else {
        prompt::confirm("Shall this be done?")?;
        plan["plan"].as_str()
    };
    outcome(&args.send(&client, &documents, false, agreed).await?)
}

impl Apply {
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
        let answer = client.post(PATH, &form).await.map_err(|error| documents.located(error))?;
        Ok(answer.document)
    }
}

/// What `documents` would change; for who only looks.
pub async fn difference(client: &Client, documents: &Documents, prune: bool) -> Result<Value, Failure> {
    let form = json!({"documents": documents.values, "dryRun": true, "prune": prune});
    let answer = client.post(PATH, &form).await.map_err(|error| documents.located(error))?;
    Ok(answer.document)
}

/// The users that a plan makes.
fn created(plan: &Value) -> BTreeSet<String> {
    let changes = plan["changes"].as_array().into_iter().flatten();
    let users = changes.filter(|change| change["action"] == "create" && change["kind"] == "User");
    users.filter_map(|change| change["name"].as_str().map(str::to_owned)).collect()
}

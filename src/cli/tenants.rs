//! `tenantry tenants`: the commands on tenants.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use http::Method;
use serde_json::{Map, Value, json};

use super::client::{Answer, Call, Client, ClientError, Place};
use super::connect::Connect;
use super::fault::Failure;
use super::listing::Listing;
use super::show::{Column, print};

const COLUMNS: [Column; 4] =
    [("ID", "id"), ("NAME", "name"), ("ORG ID", "org_id"), ("CREATED", "created_at")];

#[derive(clap::Args, Debug)]
pub struct Tenants {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connect: Connect,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make a tenant
    #[command(after_help = "Example:\n  tenantry tenants create --tenant acme --name 'Acme Corporation'")]
    Create(Create),
    /// Show the tenants
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  tenantry tenants list\n  tenantry tenants list -q | xargs -n1 tenantry tenants get\n  tenantry tenants list --query acme --output json"
    )]
    List(Listing),
    /// Show one tenant
    #[command(after_help = "Example:\n  tenantry tenants get acme --output yaml")]
    Get(Get),
    /// Change a tenant's name or description; its id never changes
    #[command(after_help = "Example:\n  tenantry tenants update acme --name 'Acme Ltd' --if-match '\"12\"'")]
    Update(Update),
    /// Delete a tenant: its tokens are refused from then on
    #[command(
        visible_alias = "rm",
        long_about = "Delete a tenant: its tokens are refused from then on.\n\n\
            What back ends hold for it stays there, out of reach: a tenant made later under the same id \
            gets another org id, and so never sees the old data.",
        after_help = "Example:\n  tenantry tenants delete acme --yes"
    )]
    Delete(Delete),
}

#[derive(clap::Args, Debug)]
struct Create {
    /// The tenant's id: a-z, 0-9, '-' and '_', at most 63 characters; it stands in hosts and paths
    #[arg(long, value_name = "ID")]
    tenant: String,
    /// What people call it; the id when left out
    #[arg(long)]
    name: Option<String>,
    /// What else there is to say
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

#[derive(clap::Args, Debug)]
struct Get {
    /// The tenant's id
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(clap::Args, Debug)]
struct Update {
    /// The tenant's id
    #[arg(value_name = "ID")]
    id: String,
    /// What people call it
    #[arg(long, required_unless_present = "description")]
    name: Option<String>,
    /// What else there is to say; '' to say nothing
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Only if the record's ETag still is this one
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

#[derive(clap::Args, Debug)]
struct Delete {
    /// The tenant's id
    #[arg(value_name = "ID")]
    id: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(args: &Tenants) -> Result<(), Failure> {
    let output = args.connect.output;
    if let Command::Delete(delete) = &args.command {
        confirm(delete)?;
    }
    let client = args.connect.client()?;
    match &args.command {
        Command::Create(create) => print(&output.record(&make(&client, create).await?)?),
        Command::List(list) => {
            list.show(&client, &Place::path(&["tenants", "search"]), &COLUMNS, output).await
        }
        Command::Get(get) => print(&output.record(&client.get(&place(&get.id)).await?)?),
        Command::Update(update) => print(&output.record(&change(&client, update).await?)?),
        Command::Delete(delete) => {
            client.delete(&place(&delete.id)).await?;
            Ok(())
        }
    }
}

fn place(id: &str) -> String {
    Place::path(&["tenants", id])
}

async fn make(client: &Client, create: &Create) -> Result<Answer, ClientError> {
    let mut body = names(create.name.as_deref(), create.description.as_deref());
    body.insert("id".to_owned(), json!(create.tenant));
    client.post(&Place::path(&["tenants"]), &Value::Object(body)).await
}

async fn change(client: &Client, update: &Update) -> Result<Answer, ClientError> {
    let body = Value::Object(names(update.name.as_deref(), update.description.as_deref()));
    let (path, if_match) = (place(&update.id), update.if_match.as_deref());
    client.send(Call { method: Method::PATCH, path: &path, if_match, body: Some(&body) }).await
}

fn names(name: Option<&str>, description: Option<&str>) -> Map<String, Value> {
    let given = [("name", name), ("description", description)];
    given.into_iter().filter_map(|(field, text)| Some((field.to_owned(), json!(text?)))).collect()
}

fn confirm(delete: &Delete) -> Result<(), Failure> {
    if delete.yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("deleting a tenant asks first, and there is nobody to ask: say --yes"));
    }
    eprint!("Delete tenant {}? Its tokens will be refused at once. [y/N] ", delete.id);
    let mut answer = String::new();
    io::stderr().flush().and_then(|()| io::stdin().read_line(&mut answer)).context("cannot ask")?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Other(anyhow::anyhow!("not deleted"))),
    }
}

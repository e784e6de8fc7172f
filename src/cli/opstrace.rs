//! Opstrace's spellings of the commands on trusted keys, with its arguments, output and messages, so
//! that scripts written for `opstrace ta-pubkeys-…` keep working. An instance's name says nothing about
//! where it is here: TENANTRY_URL does.

use std::path::PathBuf;

use clap::ValueEnum;
use http::StatusCode;
use serde_json::Value;

use super::client::{ClientError, Place};
use super::connect::Connect;
use super::fault::Failure;
use super::listing::all_ids;
use super::records::keys;
use super::show::print;
use super::token::check_instance;

/// Shown under each of these commands.
pub const WHERE: &str = "PROVIDER and INSTANCE are checked as Opstrace does and have no other effect: \
TENANTRY_URL says which admin port is meant.";

/// Where Opstrace could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// Amazon Web Services
    Aws,
    /// Google Cloud
    Gcp,
}

/// Which instance is meant.
#[derive(clap::Args, Debug)]
pub struct Instance {
    /// The cloud provider
    #[arg(value_enum, value_name = "PROVIDER")]
    provider: Provider,
    /// The instance's name: 2 to 23 of a-z, 0-9 and '-'
    #[arg(value_name = "INSTANCE", value_parser = instance)]
    instance: String,
}

#[derive(clap::Args, Debug)]
pub struct Add {
    #[command(flatten)]
    of: Instance,
    /// A PEM file with a private or public key; only the public half is sent
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    connect: Connect,
}

#[derive(clap::Args, Debug)]
pub struct List {
    #[command(flatten)]
    of: Instance,
    #[command(flatten)]
    connect: Connect,
}

#[derive(clap::Args, Debug)]
pub struct Remove {
    #[command(flatten)]
    of: Instance,
    /// The key's id: 40 hex digits, as ta-pubkeys-list shows it
    #[arg(value_name = "KEY_ID")]
    key_id: String,
    #[command(flatten)]
    connect: Connect,
}

/// Trusts the key for every tenant.
pub async fn add(args: &Add) -> Result<(), Failure> {
    let body = Value::Object(keys::trusted(&keys::read(&args.file)?));
    let added = args.connect.client()?.post(&Place::path(&["keys"]), &body).await;
    added.map_err(|error| reworded(error, StatusCode::CONFLICT, "key already in key set"))?;
    Ok(())
}

/// One id per line, and nothing else.
pub async fn list(args: &List) -> Result<(), Failure> {
    print(&all_ids(&args.connect.client()?, &Place::path(&["keys"])).await?)
}

pub async fn remove(args: &Remove) -> Result<(), Failure> {
    if args.key_id.chars().count() != 40 {
        return Err(Failure::usage("unexpected key ID: expecting a string with 40 characters"));
    }
    let removed = args.connect.client()?.delete(&Place::path(&["keys", &args.key_id])).await;
    removed.map_err(|error| reworded(error, StatusCode::NOT_FOUND, "key not present in key set"))?;
    Ok(())
}

/// Opstrace's message in place of ours; the exit code stays.
fn reworded(error: ClientError, status: StatusCode, message: &str) -> ClientError {
    match error {
        ClientError::Refused { status: found, .. } if found == status => {
            ClientError::Refused { status, message: message.to_owned() }
        }
        other => other,
    }
}

fn instance(name: &str) -> Result<String, String> {
    check_instance(name).map(|()| name.to_owned()).map_err(|fault| fault.to_string())
}

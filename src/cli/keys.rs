//! `tenantry keys`: the commands on trusted keys.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::client::Place;
use super::connect::Connect;
use super::fault::Failure;
use super::keypair;
use super::listing::Listing;
use super::show::{Column, print};
use crate::model::{Algorithm, Grants, MAX_KEY_TEXT, PublicKey, ReadKey};

const COLUMNS: [Column; 6] = [
    ("ID", "id"),
    ("ALGORITHM", "algorithm"),
    ("TENANTS", "tenants"),
    ("GRANTS", "grants"),
    ("FALLBACK", "fallback"),
    ("DESCRIPTION", "description"),
];

#[derive(clap::Args, Debug)]
pub struct Keys {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connect: Connect,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Trust a key: believe tokens that its private half signs
    #[command(
        long_about = "Trust a key: believe tokens that its private half signs, at once.\n\n\
            FILE holds a public key as PEM or JWK, or the PEM that `tenantry keypair create` wrote; of a \
            private key only the public half leaves this machine.",
        after_help = "Examples:\n  \
            tenantry keys add acme.pem --tenant acme\n  \
            tenantry keys add idp.jwk --claim tenant --prefix '' --issuer https://idp.example.com\n  \
            openssl pkey -in key.pem -pubout | tenantry keys add - --grant '*:read'"
    )]
    Add(Add),
    /// Show the trusted keys
    #[command(visible_alias = "ls", after_help = "Example:\n  tenantry keys list --output json")]
    List(Listing),
    /// Show one trusted key
    #[command(
        after_help = "Example:\n  tenantry keys get f73e1cc4aa1c0a5b8d8f2a3e7b0e9d6c5a4b3c2d --output yaml"
    )]
    Get(One),
    /// Stop trusting a key: all its tokens are refused from then on
    #[command(
        visible_alias = "rm",
        after_help = "Example:\n  tenantry keys remove f73e1cc4aa1c0a5b8d8f2a3e7b0e9d6c5a4b3c2d"
    )]
    Remove(One),
}

#[derive(clap::Args, Debug)]
struct Add {
    /// The key's file; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The `kid` by which tokens name the key; by default a JWK's own, else the hash that Opstrace uses
    #[arg(long, value_name = "ID")]
    kid: Option<String>,
    /// How its tokens are signed; by default a JWK's own, else RS256, ES256, ES384 or EdDSA after the key
    #[arg(long, value_name = "ALG")]
    algorithm: Option<Algorithm>,
    /// A tenant that its tokens may speak for; can be repeated
    #[arg(long = "tenant", value_name = "ID")]
    tenants: Vec<String>,
    /// Its tokens may speak for every tenant; so it is unless --tenant is said
    #[arg(long, conflicts_with = "tenants")]
    all_tenants: bool,
    /// The claim that names the tenant [default: sub]
    #[arg(long, value_name = "NAME")]
    claim: Option<String>,
    /// What stands before the tenant's id in that claim [default: tenant- for sub, nothing for others]
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Require exactly this `iss` [default: not looked at]
    #[arg(long, value_name = "ISS")]
    issuer: Option<String>,
    /// Require this `aud`, alone or in a list [default: not looked at]
    #[arg(long, value_name = "AUD")]
    audience: Option<String>,
    /// Believe tokens without `exp` too: they never expire
    #[arg(long)]
    no_require_exp: bool,
    /// How far clocks may be apart, at most 60s [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = leeway)]
    leeway: Option<u8>,
    /// Try this key for tokens without `kid`; one key at most
    #[arg(long)]
    fallback: bool,
    /// What its tokens may do, such as metrics:read, logs:* or *:read; can be repeated [default: *]
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant)]
    grants: Vec<String>,
    /// What else there is to say
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

#[derive(clap::Args, Debug)]
struct One {
    /// The key's id
    #[arg(value_name = "ID")]
    id: String,
}

pub async fn run(args: &Keys) -> Result<(), Failure> {
    let output = args.connect.output;
    let client = args.connect.client()?;
    match &args.command {
        Command::Add(add) => {
            let body = add.document(&read(&add.file)?);
            print(&output.record(&client.post(&Place::path(&["keys"]), &body).await?)?)
        }
        Command::List(list) => list.show(&client, &Place::path(&["keys"]), &COLUMNS, output).await,
        Command::Get(one) => print(&output.record(&client.get(&Place::path(&["keys", &one.id])).await?)?),
        Command::Remove(one) => {
            client.delete(&Place::path(&["keys", &one.id])).await?;
            Ok(())
        }
    }
}

/// The public half of the key in a file, or on standard input.
pub fn read(file: &Path) -> Result<ReadKey, Failure> {
    let text = match file.as_os_str().as_encoded_bytes() {
        b"-" => standard_input()?,
        _ => keypair::read_file(file)?,
    };
    let key = PublicKey::read(&text).with_context(|| format!("{} holds no usable key", file.display()))?;
    Ok(key)
}

/// Wiped when dropped, for it may be a private key.
fn standard_input() -> Result<Zeroizing<String>, Failure> {
    let limit = MAX_KEY_TEXT + 1;
    let mut text = Zeroizing::new(String::with_capacity(limit));
    let read = io::stdin().lock().take(limit as u64).read_to_string(&mut text);
    read.context("cannot read a key from standard input")?;
    Ok(text)
}

/// What trusts a key with everything else as the admin port has it by default.
pub fn trusted(read: &ReadKey) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("public_key".to_owned(), json!(read.key.pem()));
    if let Some(id) = &read.id {
        body.insert("id".to_owned(), json!(id.as_str()));
    }
    if let Some(algorithm) = read.algorithm {
        body.insert("algorithm".to_owned(), json!(algorithm.as_str()));
    }
    body
}

impl Add {
    fn document(&self, read: &ReadKey) -> Value {
        let mut body = trusted(read);
        let mut put = |field: &str, value: Option<Value>| {
            value.and_then(|value| body.insert(field.to_owned(), value));
        };
        put("id", self.kid.as_ref().map(|kid| json!(kid)));
        put("algorithm", self.algorithm.map(|algorithm| json!(algorithm.as_str())));
        put("tenants", (!self.tenants.is_empty()).then(|| json!(self.tenants)));
        put("tenants", self.all_tenants.then(|| json!("all")));
        put("claim", self.claim());
        put("issuer", self.issuer.as_ref().map(|issuer| json!(issuer)));
        put("audience", self.audience.as_ref().map(|audience| json!(audience)));
        put("require_exp", self.no_require_exp.then_some(Value::Bool(false)));
        put("leeway", self.leeway.map(|seconds| json!(seconds)));
        put("fallback", self.fallback.then_some(Value::Bool(true)));
        put("grants", (!self.grants.is_empty()).then(|| json!(self.grants)));
        put("description", self.description.as_ref().map(|text| json!(text)));
        Value::Object(body)
    }

    fn claim(&self) -> Option<Value> {
        let name = self.claim.as_deref().unwrap_or("sub");
        let prefix = self.prefix.as_deref().unwrap_or(if name == "sub" { "tenant-" } else { "" });
        let given = self.claim.is_some() || self.prefix.is_some();
        given.then(|| json!({ "name": name, "prefix": prefix }))
    }
}

/// Whole seconds, as the admin port counts them.
fn leeway(text: &str) -> Result<u8, String> {
    let time: Duration = humantime::parse_duration(text).map_err(|fault| fault.to_string())?;
    match u8::try_from(time.as_secs()) {
        Ok(seconds @ 0..=60) if time.subsec_nanos() == 0 => Ok(seconds),
        _ => Err("expected whole seconds from 0s to 60s".to_owned()),
    }
}

fn grant(text: &str) -> Result<String, String> {
    text.parse::<Grants>().map(|_| text.to_owned()).map_err(|fault| fault.to_string())
}

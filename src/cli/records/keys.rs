//! `tenantry keys`: trusted keys, whose tokens are believed. A tenant's own with `--tenant`, else the
//! instance's.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::trust::{Terms, said};
use super::{At, Commands, Common, Guard, Home, Kind, One, Table};
use crate::cli::connect::Owner;
use crate::cli::fault::Failure;
use crate::cli::keypair;
use crate::cli::port::{Fields, Port};
use crate::cli::show::say;
use crate::model::{Algorithm, Grants, MAX_KEY_TEXT, PublicKey, ReadKey};

#[derive(Clone, Debug)]
pub struct Key;

impl Kind for Key {
    const TABLE: Table = Table {
        command: "keys",
        noun: "trusted key",
        example: "f73e1cc4aa1c0a5b8d8f2a3e7b0e9d6c5a4b3c2d",
        options: " --tenant acme",
        path: "keys",
        list: &[],
        home: Home::Either,
        name: None,
        columns: &[
            ("ID", "id"),
            ("ALGORITHM", "algorithm"),
            ("TENANTS", "tenants"),
            ("GIVES", "role|grants"),
            ("FALLBACK", "fallback"),
            ("DESCRIPTION", "description"),
        ],
        deleted: "all its tokens are refused from then on",
    };
}

pub type Keys = At<Command, Owner>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Trust a key: believe tokens that its private half signs
    #[command(
        visible_alias = "create",
        long_about = "Trust a key: believe tokens that its private half signs, at once.\n\n\
            With --tenant it is the tenant's own: it can never speak for another, and the tenant's Admin \
            manages it. Without, it is the instance's, and speaks for the tenants that --speaks-for names, or \
            for all.\n\n\
            FILE holds a public key as PEM or JWK, or the PEM that `tenantry keypair create` wrote; of a \
            private key only the public half leaves this machine.",
        after_help = "Examples:\n  \
            tenantry keys add acme.pem --tenant acme\n  \
            tenantry keys add agents.pem --speaks-for acme --speaks-for globex --grant '*:write'\n  \
            tenantry keys add idp.jwk --claim tenant --prefix '' --issuer https://idp.example.com\n  \
            openssl pkey -in key.pem -pubout | tenantry keys add - --grant '*:read'"
    )]
    Add(Add),
    /// Change on which terms a key is trusted; the key itself never changes
    #[command(
        after_help = "Example:\n  tenantry keys update f73e1cc4aa1c0a5b8d8f2a3e7b0e9d6c5a4b3c2d --tenant acme --role viewer"
    )]
    Update(Update),
    #[command(flatten)]
    Common(Common<Key>),
}

#[derive(clap::Args, Debug)]
pub struct Add {
    /// The key's file; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The `kid` by which tokens name the key; by default a JWK's own, else the hash that Opstrace uses
    #[arg(long, value_name = "ID")]
    kid: Option<String>,
    /// How its tokens are signed; by default a JWK's own, else RS256, ES256, ES384 or EdDSA after the key
    #[arg(long, value_name = "ALG")]
    algorithm: Option<Algorithm>,
    #[command(flatten)]
    terms: KeyTerms,
}

#[derive(clap::Args, Debug)]
pub struct Update {
    #[command(flatten)]
    of: One<Key>,
    #[command(flatten)]
    terms: KeyTerms,
    #[command(flatten)]
    guard: Guard,
}

#[derive(clap::Args, Debug)]
struct KeyTerms {
    /// Require exactly this `iss` [default: not looked at]
    #[arg(long, value_name = "ISS")]
    issuer: Option<String>,
    /// Try this key for tokens without `kid`; one key at most
    #[arg(long)]
    fallback: bool,
    /// Do not try this key for tokens without `kid`; so it is from the start
    #[arg(long, conflicts_with = "fallback")]
    no_fallback: bool,
    /// What its tokens may do to data instead of what a role gives, such as metrics:read, logs:* or *:read;
    /// can be repeated
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant, conflicts_with = "role")]
    grants: Vec<String>,
    #[command(flatten)]
    common: Terms,
}

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::Add(add) => {
                port.create(&Key::TABLE.path(port, &[]), add.document(&read(&add.file)?)).await?;
                if port.tenant.is_none() && add.terms.common.speaks_for_unsaid() {
                    let bare = add.terms.grants.is_empty() && !add.terms.common.gives_role();
                    let all = if bare { ", and may do everything to their data" } else { "" };
                    say!("its tokens speak for every tenant{all}; --tenant or --speaks-for bounds a key");
                }
                Ok(())
            }
            Command::Update(update) => {
                let put = |record: &mut Fields| {
                    update.terms.put(record);
                    Ok(())
                };
                port.edit(&update.of.path(port).await?, update.guard.if_match.as_deref(), put).await
            }
            Command::Common(common) => common.run(port).await,
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
pub fn trusted(read: &ReadKey) -> Fields {
    let mut body = Fields::new();
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
    fn document(&self, read: &ReadKey) -> Fields {
        let mut body = trusted(read);
        if let Some(kid) = &self.kid {
            body.insert("id".to_owned(), json!(kid));
        }
        if let Some(algorithm) = self.algorithm {
            body.insert("algorithm".to_owned(), json!(algorithm.as_str()));
        }
        self.terms.put(&mut body);
        body
    }
}

impl KeyTerms {
    fn put(&self, record: &mut Fields) {
        self.common.put(record);
        if self.common.gives_role() {
            record.remove("grants");
        }
        if let Some(issuer) = said(self.issuer.as_deref()) {
            record.insert("issuer".to_owned(), issuer);
        }
        if self.fallback || self.no_fallback {
            record.insert("fallback".to_owned(), Value::Bool(self.fallback));
        }
        if !self.grants.is_empty() {
            record.remove("role");
            record.insert("grants".to_owned(), json!(self.grants));
        }
    }
}

fn grant(text: &str) -> Result<String, String> {
    text.parse::<Grants>().map(|_| text.to_owned()).map_err(|fault| fault.to_string())
}

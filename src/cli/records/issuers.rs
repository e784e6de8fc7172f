//! `tenantry issuers`: identity providers whose tokens are believed, by whichever keys they publish. A
//! tenant's own with `--tenant`, else the instance's.

use serde::Serialize;
use serde_json::{Value, json};

use super::trust::Terms;
use super::{At, Commands, Common, Guard, Home, Kind, One, Table};
use crate::cli::connect::Owner;
use crate::cli::fault::Failure;
use crate::cli::port::{Fields, Port, fields};

#[derive(Clone, Debug)]
pub struct Issuer;

impl Kind for Issuer {
    const TABLE: Table = Table {
        command: "issuers",
        noun: "issuer",
        example: "company",
        options: " --tenant acme",
        path: "issuers",
        list: &[],
        home: Home::Either,
        name: None,
        columns: &[
            ("ID", "id"),
            ("ISSUER", "issuer"),
            ("TENANTS", "tenants"),
            ("ROLE", "role"),
            ("KEYS", "keys.id"),
            ("FETCHED", "fetched_at"),
            ("ERROR", "error"),
        ],
        deleted: "all its tokens are refused from then on",
    };
}

pub type Issuers = At<Command, Owner>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Believe an identity provider's tokens; its keys are fetched, and fetched again
    #[command(
        visible_alias = "add",
        after_help = "Examples:\n  \
            tenantry issuers create company --issuer https://idp.example.com/realms/company --claim tenant\n  \
            tenantry issuers create acme-idp --tenant acme --issuer acme --jwks-url https://idp.acme.example/keys"
    )]
    Create(Create),
    /// Change on which terms an issuer is believed
    #[command(
        after_help = "Example:\n  tenantry issuers update company --tenant acme --role viewer --interval 10m"
    )]
    Update(Update),
    #[command(flatten)]
    Common(Common<Issuer>),
}

#[derive(clap::Args, Debug)]
pub struct Create {
    /// What it is called: a-z, 0-9 and '-' between them, at most 63 characters
    #[arg(value_name = "ID")]
    id: String,
    /// The `iss` of its tokens, exactly; its keys are found there (OpenID Connect Discovery)
    #[arg(long, value_name = "ISS")]
    issuer: String,
    #[command(flatten)]
    terms: IssuerTerms,
}

#[derive(clap::Args, Debug)]
pub struct Update {
    #[command(flatten)]
    of: One<Issuer>,
    /// The `iss` of its tokens, exactly
    #[arg(long, value_name = "ISS")]
    issuer: Option<String>,
    #[command(flatten)]
    terms: IssuerTerms,
    #[command(flatten)]
    guard: Guard,
}

#[derive(clap::Args, Debug)]
struct IssuerTerms {
    /// Where its keys are, instead of what discovery says
    #[arg(long, value_name = "URL")]
    jwks_url: Option<String>,
    #[command(flatten)]
    refresh: Refresh,
    #[command(flatten)]
    common: Terms,
}

#[derive(clap::Args, Debug, Serialize)]
struct Refresh {
    /// How often its keys are fetched [default: 1h]
    #[arg(long, value_name = "TIME")]
    interval: Option<String>,
    /// How often at most, when tokens name keys that nobody knows [default: 1m]
    #[arg(long, value_name = "TIME")]
    min_interval: Option<String>,
    /// How long a key is trusted after the issuer has withdrawn it [default: 10m]
    #[arg(long, value_name = "TIME")]
    grace: Option<String>,
}

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::Create(Create { id, issuer, terms }) => {
                let mut form =
                    Fields::from_iter([("id".to_owned(), json!(id)), ("issuer".to_owned(), json!(issuer))]);
                terms.put(&mut form)?;
                port.create(&Issuer::TABLE.path(port, &[]), form).await
            }
            Command::Update(Update { of, issuer, terms, guard }) => {
                let put = |record: &mut Fields| {
                    if let Some(issuer) = issuer {
                        record.insert("issuer".to_owned(), json!(issuer));
                    }
                    terms.put(record)
                };
                port.edit(&of.path(port).await?, guard.if_match.as_deref(), put).await
            }
            Command::Common(common) => common.run(port).await,
        }
    }
}

impl IssuerTerms {
    fn put(&self, record: &mut Fields) -> Result<(), Failure> {
        self.common.put(record);
        if let Some(url) = &self.jwks_url {
            record.insert("jwks_url".to_owned(), json!(url));
        }
        let refresh = fields(&self.refresh)?;
        if !refresh.is_empty() {
            let before = record.entry("refresh").or_insert_with(|| Value::Object(Fields::new()));
            if let Some(before) = before.as_object_mut() {
                before.extend(refresh);
            }
        }
        Ok(())
    }
}

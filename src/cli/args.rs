//! The command line as one tree. What a command does stands in its own module.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::connect::ENVIRONMENT;
use super::demo::Demo;
use super::inspect::TokenInspect;
use super::keypair::KeypairCreate;
use super::keys::Keys;
use super::me::Me;
use super::opstrace::{self, WHERE};
use super::serve::Serve;
use super::tenants::Tenants;
use super::token::TokenCreate;

const AFTER: &str = "\
First steps:
  tenantry demo                                    see it work, on this machine only
  tenantry keypair create acme.pem                 a key pair for tokens
  tenantry tenants create --tenant acme            a tenant
  tenantry keys add acme.pem --tenant acme         trust the key for that tenant
  tenantry token create --tenant acme --key acme.pem > acme.jwt

Opstrace's spellings work too: ta-create-keypair, ta-create-token, ta-pubkeys-add, ta-pubkeys-list \
and ta-pubkeys-remove, each with its own --help.

Exit codes:
  0 done · 1 failed · 2 wrong use · 3 authentication or authorisation refused
  4 no such record · 5 conflict: it exists already, or changed meanwhile";

/// An authentication gateway for multi-tenant back ends
///
/// tenantry stands in front of Cortex, Mimir, Loki and their kind. It checks each caller's token, finds
/// the tenant in the host or the path, and passes on what that tenant may do, with the tenant's header
/// set. This program is the gateway, and the tool that manages it through its admin port.
#[derive(Parser, Debug)]
#[command(name = "tenantry", version, arg_required_else_help = true, after_help = AFTER, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the gateway
    Serve(Serve),
    /// Check a configuration file: every problem at once, each with its place
    #[command(after_help = "Example:\n  tenantry check --config tenantry.yaml && systemctl reload tenantry")]
    Check(Config),
    /// Print the JSON schema of the configuration file
    #[command(after_help = "Example:\n  tenantry schema > tenantry.schema.json")]
    Schema,
    /// See the gateway work on this machine: two tenants, their tokens and an echo back end
    Demo(Demo),
    /// Make key pairs, whose private half signs tokens
    #[command(subcommand)]
    Keypair(Keypair),
    /// Make and read tokens, without any gateway
    #[command(subcommand)]
    Token(Token),
    /// Manage tenants
    #[command(after_help = ENVIRONMENT)]
    Tenants(Tenants),
    /// Manage trusted keys: whose tokens are believed, and for which tenants
    #[command(after_help = ENVIRONMENT)]
    Keys(Keys),
    /// Show who the admin port takes you for
    #[command(visible_alias = "whoami", after_help = ENVIRONMENT)]
    Me(Me),

    /// Opstrace's `keypair create`: RSA of 2048 bits
    #[command(name = "ta-create-keypair", hide = true)]
    TaCreateKeypair(TaCreateKeypair),
    /// Opstrace's `token create`: RS256, good for ten years, printed without a newline
    #[command(name = "ta-create-token", hide = true)]
    TaCreateToken(TaCreateToken),
    /// Opstrace's `keys add`: trust a key for every tenant
    #[command(name = "ta-pubkeys-add", hide = true, after_help = WHERE)]
    TaPubkeysAdd(opstrace::Add),
    /// Opstrace's `keys list`: one key id per line
    #[command(name = "ta-pubkeys-list", hide = true, after_help = WHERE)]
    TaPubkeysList(opstrace::List),
    /// Opstrace's `keys remove`
    #[command(name = "ta-pubkeys-remove", hide = true, after_help = WHERE)]
    TaPubkeysRemove(opstrace::Remove),
}

/// Which configuration.
#[derive(clap::Args, Debug)]
pub struct Config {
    /// The configuration file (YAML); without one, everything is as by default
    #[arg(long, short, env = "TENANTRY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum Keypair {
    /// Make a key pair and write it to a new file that only you can read
    #[command(
        after_help = "Examples:\n  tenantry keypair create acme.pem\n  tenantry keypair create ci.pem --type ed25519"
    )]
    Create(KeypairCreate),
}

#[derive(Subcommand, Debug)]
pub enum Token {
    /// Make a tenant's token; it goes to standard output, alone
    #[command(after_help = "Examples:\n  \
        tenantry token create --tenant acme --key acme.pem > acme.jwt\n  \
        tenantry token create --tenant acme --key acme.pem --ttl 1h --audience tenantry")]
    Create(TokenCreate),
    /// Show what a token says; with --key, whether its signature is that key's
    #[command(after_help = "Examples:\n  \
        tenantry token inspect < acme.jwt\n  \
        tenantry token inspect --key acme.pem < acme.jwt")]
    Inspect(TokenInspect),
}

#[derive(clap::Args, Debug)]
pub struct TaCreateKeypair {
    /// Where the private key goes (PKCS#8 in PEM, mode 0600); must not exist yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(clap::Args, Debug)]
pub struct TaCreateToken {
    /// The instance's name: 2 to 23 of a-z, 0-9 and '-'; it stands in the token's audience
    #[arg(value_name = "INSTANCE")]
    pub instance: String,
    /// The tenant that the token is for
    #[arg(value_name = "TENANT")]
    pub tenant: String,
    /// The private key to sign with (PKCS#8 or PKCS#1 in PEM)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

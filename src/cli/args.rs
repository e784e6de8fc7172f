//! The command line as one tree. What a command does stands in its own module.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::apply::Apply;
use super::connect::ENVIRONMENT;
use super::demo::Demo;
use super::diff::Diff;
use super::explain::Explain;
use super::export::Export;
use super::inspect::TokenInspect;
use super::kestra::Auths;
use super::keypair::KeypairCreate;
use super::me::Me;
use super::opstrace::{self, WHERE};
use super::records::acceptance::Accept;
use super::records::access::AccessTo;
use super::records::accounts::Accounts;
use super::records::audit::Audit;
use super::records::bindings::Bindings;
use super::records::groups::Groups;
use super::records::invitations::Invitations;
use super::records::issuers::Issuers;
use super::records::keys::Keys;
use super::records::roles::Roles;
use super::records::tenants::Tenants;
use super::records::tokens::ApiTokens;
use super::records::users::Users;
use super::serve::Serve;
use super::session::{Login, Logout};
use super::shell::{Completions, Man};
use super::token::TokenCreate;

const AFTER: &str = "\
First steps:
  tenantry demo                                    see it work, on this machine only
  tenantry keypair create acme.pem                 a key pair for tokens
  tenantry login --user admin                      sign in at the admin port, once
  tenantry tenants create acme                     a tenant
  tenantry keys add acme.pem --tenant acme         trust the key for that tenant
  tenantry token create --tenant acme --key acme.pem > acme.jwt

Opstrace's spellings work too: ta-create-keypair, ta-create-token, ta-pubkeys-add, ta-pubkeys-list \
and ta-pubkeys-remove; and Kestra's: auths users create, create-basic-auth and set-superadmin. Each has \
its own --help.

Exit codes:
  0 done · 1 failed · 2 wrong use · 3 authentication or authorisation refused
  4 no such record · 5 conflict: it exists already, or changed meanwhile";

const ACCEPT: &str = "\
Examples:
  tenantry accept tni_0BZ6RWwXwRbECEAijcKmrf_gWf7A3Bq_1xK2yQ
  tenantry accept --new-user --first-name Ann tni_0BZ6RWwXwRbECEAijcKmrf_gWf7A3Bq_1xK2yQ";

const LOGIN: &str = "\
Examples:
  tenantry login --user ann@example.com
  tenantry login --token < token
  tenantry login --user root --password-file root.txt --url https://gw.example.com:9080

Exit codes:
  0 done · 1 failed · 2 wrong use · 3 authentication or authorisation refused";

const LOGOUT: &str = "\
Example:
  tenantry logout --url https://gw.example.com:9080";

const APPLY: &str = "\
Examples:
  tenantry apply -f tenants.yaml --dry-run
  tenantry apply -f tenants/ --prune --yes

Exit codes:
  0 done, or nothing to change · 1 failed · 2 wrong use, or nobody to ask · 3 authentication or
  authorisation refused · 4 no such tenant · 5 conflict: something has changed meanwhile

TENANTRY_URL, TENANTRY_USER and the other variables are as for every command: see `tenantry me --help`.";

const DIFF: &str = "\
Example:
  tenantry diff -f tenants/ --prune

Exit codes:
  0 all is as documents say · 1 it is not, or the command failed · 2 wrong use · 3 authentication or
  authorisation refused · 4 no such tenant";

const EXPORT: &str = "\
Examples:
  tenantry export > everything.yaml
  tenantry export --tenant acme --tenant globex -f tenants.yaml";

const EXPLAIN: &str = "\
Examples:
  tenantry explain --url https://acme.example.com/api/v1/push --method POST --token - < agent.token
  tenantry explain --url http://acme.localhost:8080/prometheus/api/v1/labels --user ann@example.com

Nothing is sent to a back end, and no attempt is counted. For super admins.";

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
    /// Manage users: the people of the instance
    #[command(after_help = ENVIRONMENT)]
    Users(Users),
    /// Manage service accounts: machines, which sign in with API tokens
    #[command(visible_alias = "sa", after_help = ENVIRONMENT)]
    ServiceAccounts(Accounts),
    /// Manage a tenant's groups, and who is in them
    #[command(after_help = ENVIRONMENT)]
    Groups(Groups),
    /// Manage a tenant's roles: what can be permitted together
    #[command(after_help = ENVIRONMENT)]
    Roles(Roles),
    /// Manage a tenant's bindings: who has which role
    #[command(after_help = ENVIRONMENT)]
    Bindings(Bindings),
    /// Manage who has access to a tenant
    #[command(after_help = ENVIRONMENT)]
    Access(AccessTo),
    /// Manage invitations into a tenant
    #[command(after_help = ENVIRONMENT)]
    Invitations(Invitations),
    /// Accept an invitation: as who is signed in, or as a new user
    #[command(
        long_about = "Accept an invitation: as who is signed in, or with --new-user as a user who is made by it \
            and whose password is asked for (on a terminal, else read from standard input).",
        after_help = ACCEPT
    )]
    Accept(Accept),
    /// Manage API tokens: yours, a user's or a service account's
    #[command(after_help = ENVIRONMENT)]
    ApiTokens(ApiTokens),
    /// Manage trusted keys: whose tokens are believed, and for which tenants
    #[command(after_help = ENVIRONMENT)]
    Keys(Keys),
    /// Manage issuers: identity providers whose tokens are believed
    #[command(after_help = ENVIRONMENT)]
    Issuers(Issuers),
    /// Read the audit log: who did what, and whether the log is whole
    #[command(after_help = ENVIRONMENT)]
    Audit(Audit),
    /// Make what there is what documents say: tenants, people, machines, who may what
    #[command(
        long_about = "Make what there is what documents say. A plan is shown first: + is made, ~ changed, - deleted; \
            then each tenant is written whole, or not at all. What documents leave out stays as it is; \
            the members of a group and the permissions of a role become exactly those listed. \
            config/tenants.yaml shows what they look like.",
        after_help = APPLY
    )]
    Apply(Apply),
    /// Show what is not as documents say; exits 1 when there is anything
    #[command(after_help = DIFF)]
    Diff(Diff),
    /// Write down what there is, as documents that apply takes back
    #[command(after_help = EXPORT)]
    Export(Export),
    /// Explain what the gateway would do with a request, step by step, and why
    #[command(after_help = EXPLAIN)]
    Explain(Explain),
    /// Show who the admin port takes you for
    #[command(visible_alias = "whoami", after_help = ENVIRONMENT)]
    Me(Me),
    /// Sign in at an admin port, for the commands that follow
    #[command(
        long_about = "Sign in at an admin port, for the commands that follow. The session, or the API token, is \
            kept in $XDG_CONFIG_HOME/tenantry/credentials.json (or ~/.config), which only you can read, and used \
            for exactly this URL when no other credential is given.",
        after_help = LOGIN
    )]
    Login(Login),
    /// End that session, or forget that token
    #[command(after_help = LOGOUT)]
    Logout(Logout),
    /// Print a shell's completions of this command line
    #[command(after_help = "Example:\n  \
        tenantry completions bash > ~/.local/share/bash-completion/completions/tenantry")]
    Completions(Completions),
    /// Print the manual page, or write those of all commands
    #[command(
        after_help = "Examples:\n  tenantry man | man -l -\n  tenantry man --dir /usr/local/share/man/man1"
    )]
    Man(Man),

    /// Kestra's `auths users …`
    #[command(subcommand, hide = true)]
    Auths(Auths),

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

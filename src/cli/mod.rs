//! The command line: one clap tree, and for each command what it does. The admin API is seen from the
//! other side here, through `client`. Nothing imports this but `main`.

mod apply;
mod args;
mod client;
mod connect;
mod credentials;
mod demo;
mod diff;
mod documents;
mod explain;
mod export;
mod fault;
pub mod inspect;
mod kestra;
pub mod keypair;
mod listing;
mod me;
mod opstrace;
mod port;
mod progress;
mod prompt;
mod records;
mod serve;
mod session;
mod shell;
mod show;
pub mod signer;
mod terminal;
pub mod token;
mod whole;

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};

use crate::config;
use crate::model::Timestamp;
use args::{Cli, Command, Config, Keypair, TaCreateKeypair, TaCreateToken, Token};
use fault::Failure;
use keypair::{KeypairCreate, KeypairKind};
use show::say;

/// Runs one command line, `args[0]` being the program's name. Exit codes: 0 done, 1 failed, 2 wrong
/// use, 3 authentication or authorisation refused, 4 no such record, 5 conflict.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(stop) => {
            // Help into a closed pipe has nobody left to complain to.
            drop(stop.print());
            return ExitCode::from(u8::try_from(stop.exit_code()).unwrap_or(1));
        }
    };
    match execute(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The whole tree, for those who document or test it.
pub fn tree() -> clap::Command {
    Cli::command()
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check(&args),
        Command::Schema => show::print(&format!("{:#}\n", config::schema())),
        Command::Demo(args) => demo::run(&args),
        Command::Keypair(Keypair::Create(args)) => create_keypair(&args),
        Command::Token(Token::Create(args)) => show::print(&(token::create(&args, Timestamp::now())? + "\n")),
        Command::Token(Token::Inspect(args)) => inspect::run(&args, Timestamp::now()),
        Command::Tenants(args) => wait(args.run()),
        Command::Users(args) => wait(args.run()),
        Command::ServiceAccounts(args) => wait(args.run()),
        Command::Groups(args) => wait(args.run()),
        Command::Roles(args) => wait(args.run()),
        Command::Bindings(args) => wait(args.run()),
        Command::Access(args) => wait(args.run()),
        Command::Invitations(args) => wait(args.run()),
        Command::Accept(args) => wait(records::acceptance::run(&args)),
        Command::ApiTokens(args) => wait(args.run()),
        Command::Keys(args) => wait(args.run()),
        Command::Issuers(args) => wait(args.run()),
        Command::Audit(args) => wait(records::audit::run(&args)),
        Command::Apply(args) => wait(apply::run(&args)),
        Command::Diff(args) => wait(diff::run(&args)),
        Command::Explain(args) => wait(explain::run(&args)),
        Command::Export(args) => wait(export::run(&args)),
        Command::Me(args) => wait(me::run(&args)),
        Command::Login(args) => wait(session::login(&args)),
        Command::Logout(args) => wait(session::logout(&args)),
        Command::Completions(args) => shell::completions(&args, tree()),
        Command::Man(args) => shell::man(&args, tree()),
        Command::Auths(args) => wait(kestra::run(&args)),
        Command::TaCreateKeypair(TaCreateKeypair { file }) => {
            create_keypair(&KeypairCreate { file, kind: KeypairKind::Rsa2048 })
        }
        Command::TaCreateToken(TaCreateToken { instance, tenant, file }) => {
            show::print(&token::opstrace_token(&instance, &tenant, &file, Timestamp::now())?)
        }
        Command::TaPubkeysAdd(args) => wait(opstrace::add(&args)),
        Command::TaPubkeysList(args) => wait(opstrace::list(&args)),
        Command::TaPubkeysRemove(args) => wait(opstrace::remove(&args)),
    }
}

/// Runs a command that talks to an admin port.
fn wait(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(command)
}

fn create_keypair(args: &KeypairCreate) -> Result<(), Failure> {
    keypair::create(args)?;
    Ok(())
}

fn check(args: &Config) -> Result<(), Failure> {
    match &args.config {
        Some(file) => {
            config::check(file).map_err(|problems| match documents::are_in(file) {
                true => Failure::usage(format!(
                    "{}: these are documents for `tenantry apply`, and no configuration",
                    file.display()
                )),
                false => problems.into(),
            })?;
            say!("{}: no problem found", file.display());
        }
        None => {
            say!("no file named with --config or TENANTRY_CONFIG: the defaults hold, and they are sound")
        }
    }
    Ok(())
}

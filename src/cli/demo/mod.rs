//! `tenantry demo`: a gateway with all that it needs, for as long as it runs. Says how to use it only
//! after it has tried each line itself.

mod cast;
mod echo;
mod folder;
mod probe;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::Context as _;

use super::client::{Client, Credential, Place};
use super::fault::Failure;
use super::serve::{Signals, drive, log};
use super::show::print;
use crate::config::{AccessLog, LogFormat, Settings, StoreSettings, Telemetry};
use crate::model::{
    Api, HostTemplate, MatchRule, PathTemplate, Secret, Service, Timeouts, Unlisted, Upstream,
};
use crate::server::{FirstAdmin, Gateway};
use cast::Cast;
use echo::Echo;
use folder::Folder;
use probe::{Probe, Stage, program, quoted};

const AFTER: &str = "\
Everything is on 127.0.0.1, in memory or in a temporary directory, and gone at the end (Ctrl-C).

Examples:
  tenantry demo
  tenantry demo --port 18080 --admin-port 19080
  tenantry demo --port 0 --admin-port 0        free ports, whichever";

#[derive(clap::Args, Debug)]
#[command(after_help = AFTER)]
pub struct Demo {
    /// The port at which tenants call; 0 for a free one
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    port: u16,
    /// The admin port; 0 for a free one
    #[arg(long, default_value_t = 9080, value_name = "PORT")]
    admin_port: u16,
    /// Show one line per request, as the access log has it
    #[arg(long)]
    log: bool,
}

pub fn run(args: &Demo) -> Result<(), Failure> {
    free(args.port, "--port")?;
    free(args.admin_port, "--admin-port")?;
    log(&telemetry_of(args))?;
    drive(play(args))
}

/// The gateway shares its port with other processes of the same user, so it would not notice another
/// gateway there; binding alone does.
fn free(port: u16, option: &str) -> Result<(), Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bound.map(drop).with_context(|| {
        format!("cannot use port {port} of 127.0.0.1; name another with {option} PORT, or {option} 0 for a free one")
    })?;
    Ok(())
}

async fn play(args: &Demo) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let folder = Folder::make().context("cannot make a temporary directory")?;
    let echo = Echo::start().await.context("cannot start the echo back end")?;
    let settings = settings(args, &folder, echo.address());
    let gateway = Gateway::start(settings, FirstAdmin { user: None, password: None }).await?;
    let shown = tokio::select! {
        shown = show(&gateway, &folder, &echo) => shown,
        () = signals.stop() => Ok(false),
    };
    if let Ok(true) = shown {
        signals.stop().await;
    }
    gateway.stop().await;
    shown.map(drop)
}

/// Sets the stage, tries every line, and prints them. True when all is as it should be.
async fn show(gateway: &Gateway, folder: &Folder, echo: &Echo) -> Result<bool, Failure> {
    let (user, password) = gateway.made_admin().context("the new store had an admin already")?;
    let place = Place::parse(&format!("http://{}", gateway.admin()))?;
    let credential = Credential::Password { user: user.to_owned(), password: password.clone() };
    let client = Client::new(place, &credential, None)?;
    let cast = Cast::assemble(&client, folder).await?;
    let (_, proxy) = gateway.listeners().first().context("the gateway has no listener")?;
    let stage = Stage::new(*proxy);
    let mut lines = String::new();
    let mut faults = 0;
    for probe in Probe::all(&cast, *proxy) {
        let verdict = stage.try_out(&probe).await;
        faults += usize::from(verdict.is_err());
        lines += &probe.line(&verdict);
    }
    print(&story(gateway, echo, *proxy, (user, password), &cast, &lines))?;
    if faults > 0 {
        return Err(Failure::Other(anyhow::anyhow!("{faults} of these lines did not do what they should")));
    }
    Ok(true)
}

fn story(
    gateway: &Gateway,
    echo: &Echo,
    proxy: SocketAddr,
    (user, password): (&str, &Secret),
    cast: &Cast,
    lines: &str,
) -> String {
    let (admin, echo, program) = (gateway.admin(), echo.address(), program());
    let (shown, password) = (password.reveal(), quoted(password.reveal()));
    let key = quoted(cast.acme.key_file.display());
    format!(
        "tenantry demo: two tenants, acme and globex, in front of one back end.\n\n\
         \x20 proxy     http://{proxy}\n\
         \x20 admin     http://{admin}   user {user}, password {shown}\n\
         \x20 back end  http://{echo}   answers with what it received\n\n\
         Paste these into another terminal. Each was just tried against this gateway.\n{lines}\n\
         The admin port, from the command line:\n\n\
         \x20 export TENANTRY_URL=http://{admin} TENANTRY_USER={user} TENANTRY_PASSWORD={password}\n\
         \x20 {program} tenants list\n\
         \x20 {program} keys list\n\
         \x20 {program} token create --tenant acme --key {key}\n\n\
         Ctrl-C ends the demo and removes all of it.\n"
    )
}

fn settings(args: &Demo, folder: &Folder, echo: SocketAddr) -> Settings {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut settings = Settings::default();
    for listener in &mut settings.listeners {
        listener.address = local(args.port);
    }
    settings.admin.address = local(args.admin_port);
    settings.store = StoreSettings { path: folder.path().join("store") };
    settings.services = vec![service(echo)];
    settings.telemetry = telemetry_of(args);
    settings.drain = Duration::from_secs(1);
    settings
}

fn telemetry_of(args: &Demo) -> Telemetry {
    let access_log = if args.log { AccessLog::Stdout(LogFormat::Logfmt) } else { AccessLog::Off };
    Telemetry { access_log, log_level: "warn".to_owned(), ..Telemetry::default() }
}

/// `echo`, by path `/t/{tenant}` and by host `{tenant}.localhost`.
fn service(echo: SocketAddr) -> Service {
    let tenant = None;
    let by_path = MatchRule {
        host: None,
        path: Some(PathTemplate(vec![Some("t".to_owned()), tenant.clone()])),
        strip: true,
    };
    let by_host = MatchRule {
        host: Some(HostTemplate(vec![tenant, Some("localhost".to_owned())])),
        path: None,
        strip: true,
    };
    Service {
        name: "echo".to_owned(),
        rules: vec![by_path, by_host],
        upstreams: vec![Upstream { host: echo.ip().to_string(), port: echo.port(), base: String::new() }],
        tenant_header: "x-scope-orgid".to_owned(),
        api: Api::ReadWrite,
        unlisted: Unlisted::Deny,
        timeouts: Timeouts::default(),
    }
}

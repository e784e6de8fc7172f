//! `tenantry login` and `logout`: one sign-in for all commands that follow, until it ends.

use anyhow::anyhow;
use http::{Method, StatusCode};
use serde_json::json;

use super::client::{Call, Client, ClientError, Credential, Place, printable};
use super::connect::{Connect, secret};
use super::credentials::{self, Logins, Session};
use super::fault::Failure;
use super::prompt;
use super::show::say;
use crate::model::{Secret, Timestamp};

/// Where sessions begin and end, below the admin port's URL.
const LOGIN: &str = "/login";
const LOGOUT: &str = "/logout";

#[derive(clap::Args, Debug)]
pub struct Login {
    /// Keep an API token (TENANTRY_TOKEN, else standard input or asked for) instead of a session
    #[arg(long)]
    token: bool,
    #[command(flatten)]
    connect: Connect,
}

#[derive(clap::Args, Debug)]
pub struct Logout {
    #[command(flatten)]
    connect: Connect,
}

pub async fn login(args: &Login) -> Result<(), Failure> {
    let place = args.connect.place()?;
    let file = credentials::file().ok_or_else(|| anyhow!("there is no home to keep a login in: set HOME"))?;
    let mut logins = Logins::read(&file)?;
    let (user, until) = if args.token {
        if !matches!(args.connect.said(), (None, None)) {
            return Err(Failure::usage("--token goes without --user and --password-file"));
        }
        let token = match secret("TENANTRY_TOKEN")? {
            Some(token) => token,
            None => prompt::secret("API token")?,
        };
        let user = checked(&args.connect, &token).await?;
        logins.keep_token(&place, &user, &token);
        (user, String::new())
    } else {
        let user = named(&args.connect)?;
        let session = signed_in(&args.connect, &user).await?;
        logins.keep_session(&place, &user, &session);
        (user, format!(" until {}", session.expires_at))
    };
    logins.write(&file)?;
    say!("signed in at {} as {}{}", place.as_str(), printable(&user), printable(&until));
    if let Some(variable) = Connect::overriding() {
        say!("{variable} is set, and goes before this login: unset it to use the login");
    }
    Ok(())
}

/// Forgets the login. A session ends at the admin port first, so that a copy of it opens nothing; while
/// that cannot be, it is kept.
pub async fn logout(args: &Logout) -> Result<(), Failure> {
    let place = args.connect.place()?;
    let Some(file) = credentials::file() else { return Ok(()) };
    let mut logins = Logins::read(&file)?;
    let credential = logins.of(&place, Timestamp::now());
    if !logins.forget(&place) {
        say!("nobody is signed in at {}", place.as_str());
        return Ok(());
    }
    match credential {
        Some(session @ Credential::Session { .. }) => {
            match args.connect.client_as(&session)?.send(Call::bare(Method::POST, LOGOUT)).await {
                // It has ended already.
                Err(ClientError::Refused { status: StatusCode::UNAUTHORIZED, .. }) => {}
                ended => drop(ended?),
            }
        }
        Some(Credential::Token(_)) => {
            say!("the token is forgotten here, and still good: `tenantry api-tokens revoke` ends it");
        }
        Some(Credential::None | Credential::InBody | Credential::Password { .. }) | None => {}
    }
    logins.write(&file)?;
    say!("signed out at {}", place.as_str());
    Ok(())
}

fn named(connect: &Connect) -> Result<String, Failure> {
    match connect.user() {
        Some(user) => Ok(user.to_owned()),
        None => Err(Failure::usage("who signs in? Say --user, or set TENANTRY_USER")),
    }
}

async fn signed_in(connect: &Connect, user: &str) -> Result<Session, Failure> {
    let password = match connect.password()? {
        Some(password) => password,
        None => prompt::secret(&format!("Password of {user}"))?,
    };
    let client = connect.client_as(&Credential::InBody)?;
    let answer = client.post(LOGIN, &json!({ "username": user, "password": password.reveal() })).await?;
    let text = |member: &str| answer.document[member].as_str().map(str::to_owned);
    let (Some(cookie), Some(csrf), Some(expires_at)) = (answer.cookie, text("csrfToken"), text("expiresAt"))
    else {
        return Err(anyhow!("{} began no session: is it tenantry?", client.place().as_str()).into());
    };
    Ok(Session { cookie, csrf: Secret::new(csrf), expires_at })
}

/// Whom the token is of. One that opens nothing is not kept.
async fn checked(connect: &Connect, token: &Secret) -> Result<String, Failure> {
    let client: Client = connect.client_as(&Credential::Token(token.clone()))?;
    let me = client.get(&Place::path(&["me"])).await?.document;
    Ok(me["profile"]["username"].as_str().unwrap_or("its owner").to_owned())
}

//! `tenantry accept`: the other end of an invitation.

use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::password::NewPassword;
use crate::cli::client::{Call, ClientError, Credential, Place};
use crate::cli::connect::{Connect, Instance};
use crate::cli::fault::Failure;
use crate::cli::port::fields;
use crate::cli::prompt;
use crate::cli::show::print;
use crate::model::Secret;

#[derive(clap::Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Accept {
    /// The invitation's link, or the ticket at its end; everybody on the machine can read it here. - reads it
    /// from standard input
    #[serde(skip)]
    link: String,
    /// The user is made by this
    #[arg(long)]
    #[serde(skip)]
    new_user: bool,
    /// The new user's first name
    #[arg(long, value_name = "NAME", requires = "new_user")]
    first_name: Option<String>,
    /// The new user's last name
    #[arg(long, value_name = "NAME", requires = "new_user")]
    last_name: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    password: NewPassword,
    #[command(flatten)]
    #[serde(skip)]
    connect: Connect,
}

pub async fn run(args: &Accept) -> Result<(), Failure> {
    let link = if args.link == "-" {
        prompt::token_in()?
    } else {
        prompt::overheard("link", "say - and write it to standard input");
        Secret::new(args.link.clone())
    };
    let ticket = link.reveal().rsplit('/').next().unwrap_or_default();
    if !args.new_user {
        let port = args.connect.port(&Instance {})?;
        let path = Place::path(&["invitation", "accept", ticket]);
        return match port.client.send(Call::bare(Method::POST, &path)).await {
            Err(ClientError::Refused { status: status @ StatusCode::UNAUTHORIZED, message }) => {
                let message = format!("{message}\nWho is no user yet says --new-user: that makes one");
                Err(ClientError::Refused { status, message }.into())
            }
            accepted => port.show(&accepted?),
        };
    }
    let mut form = fields(args)?;
    form.insert("password".to_owned(), json!(args.password.needed("the new user")?.reveal()));
    let client = args.connect.client_as(&Credential::InBody)?;
    let answer = client.post(&Place::path(&["invitation", "create", ticket]), &Value::Object(form)).await?;
    print(&args.connect.output.record(&answer)?)
}

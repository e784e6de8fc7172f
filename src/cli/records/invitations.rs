//! `tenantry invitations`: who shall come into a tenant, and as what.

use serde::Serialize;
use serde_json::{Value, json};

use super::groups::Group;
use super::roles::Role;
use super::{At, Commands, Common, Home, Kind, Table, find};
use crate::cli::connect::Within;
use crate::cli::fault::Failure;
use crate::cli::port::{Port, fields};
use crate::cli::show::{Format, print_once, say};

#[derive(Clone, Debug)]
pub struct Invitation;

impl Kind for Invitation {
    const TABLE: Table = Table {
        command: "invitations",
        noun: "invitation",
        example: "2XDKrmqyHDkoGnU11wlj87",
        options: " --tenant acme",
        path: "invitations",
        list: &["search"],
        home: Home::Tenant,
        name: None,
        columns: &[
            ("ID", "id"),
            ("EMAIL", "email"),
            ("STATUS", "status"),
            ("ROLES", "roles.name"),
            ("GROUPS", "groups.name"),
            ("EXPIRES", "expiredAt"),
        ],
        deleted: "its link opens nothing any more",
    };
}

pub type Invitations = At<Command, Within>;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Invite somebody: shows a link that opens once, and is to be given to them
    #[command(
        long_about = "Invite somebody: shows a link that opens once, and is to be given to them: the gateway \
            sends no mail. Who is a user of the instance already gets access at once.",
        after_help = "Examples:\n  \
            tenantry invitations create ann@example.com --role Editor --tenant acme\n  \
            tenantry invitations create bob@example.com --group on-call --tenant acme -o json"
    )]
    Create(Create),
    #[command(flatten)]
    Common(Common<Invitation>),
}

#[derive(clap::Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    /// Who shall come, by e-mail address
    email: String,
    /// A role that they will be bound to, by its name or id; can be repeated
    #[arg(long = "role", value_name = "NAME")]
    #[serde(skip)]
    roles: Vec<String>,
    /// A group that they will be in, by its name or id; can be repeated
    #[arg(long = "group", value_name = "NAME")]
    #[serde(skip)]
    groups: Vec<String>,
    /// Make the user at once, without an invitation
    #[arg(long = "create-user")]
    #[serde(rename = "createUserIfNotExist")]
    create_user: bool,
    /// They will manage tenants and identities everywhere
    #[arg(long)]
    super_admin: bool,
}

impl Commands for Command {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        match self {
            Command::Create(create) => create.run(port).await,
            Command::Common(common) => common.run(port).await,
        }
    }
}

impl Create {
    async fn run(&self, port: &Port) -> Result<(), Failure> {
        let mut form = fields(self)?;
        let (mut roles, mut groups) = (Vec::new(), Vec::new());
        for role in &self.roles {
            roles.push(json!({ "id": find::id(port, &Role::TABLE, role).await? }));
        }
        for group in &self.groups {
            groups.push(find::id(port, &Group::TABLE, group).await?);
        }
        form.insert("roles".to_owned(), json!(roles));
        form.insert("groups".to_owned(), json!(groups));
        let mut answer = port.client.post(&Invitation::TABLE.path(port, &[]), &Value::Object(form)).await?;
        if answer.document.is_null() {
            say!("{} is a user of the instance, and has access now: there is nothing to accept", self.email);
            return Ok(());
        }
        say!(
            "Hand the link on as a secret: it opens once, and is not shown again.\n\
             `tenantry accept LINK --new-user` opens it; without --new-user for who is a user by then."
        );
        // Programs get the document as it came.
        if let (Format::Table, Some(path)) = (port.output, answer.document["link"].as_str()) {
            answer.document["link"] = json!(port.client.place().url(path));
        }
        print_once(&port.output.record(&answer)?, "the link is lost: delete the invitation, and make another")
    }
}

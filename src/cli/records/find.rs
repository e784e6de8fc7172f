//! From what people call a record to its id. Whoever may not look for names has to know the id, but for
//! the groups that they are in.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::Value;

use super::Table;
use super::accounts::Account;
use super::groups::Group;
use super::users::User;
use super::{Home, Kind as _};
use crate::cli::client::{ClientError, Place, printable};
use crate::cli::fault::Failure;
use crate::cli::listing::results;
use crate::cli::port::Port;
use crate::model::Id;

/// The id of the record of this kind that is called `text`. Where the caller may not look, what can be an id
/// is taken for one.
pub async fn id(port: &Port, table: &Table, text: &str) -> Result<String, Failure> {
    id_in(port, port.tenant.as_deref(), table, text).await
}

/// As [`id`], for the tenant that is named.
pub async fn id_in(port: &Port, tenant: Option<&str>, table: &Table, text: &str) -> Result<String, Failure> {
    let Some(field) = table.name else { return Ok(text.to_owned()) };
    let mut found = called(port, &table.path_of(tenant, table.list), field, text, |_| true).await?;
    if let (Some(tenant), true) = (tenant, found.refused.is_some() && table.path == Group::TABLE.path) {
        found.ids.extend(own_groups(port, tenant, text).await?);
    }
    found.single(table.noun, text)
}

/// The ids of the groups called so in which the caller is: those show themselves to everybody, and their
/// owners manage them.
async fn own_groups(port: &Port, tenant: &str, text: &str) -> Result<BTreeSet<String>, Failure> {
    let me = port.client.get(&Place::path(&["me"])).await?.document;
    let path = Place::path(&[tenant, "tenant-access", me["id"].as_str().unwrap_or_default()]);
    let own = match port.client.get(&path).await {
        Ok(answer) => answer.document,
        // A super admin's token without rights here, or one for whom a key vouches.
        Err(ClientError::Refused { .. }) => return Ok(BTreeSet::new()),
        Err(error) => return Err(error.into()),
    };
    let called = |group: &&Value| {
        let name = group["name"].as_str().unwrap_or_default();
        name.to_lowercase() == text.to_lowercase() || group["id"] == text
    };
    let groups = own["groups"].as_array().into_iter().flatten().filter(called);
    Ok(groups.filter_map(|group| group["id"].as_str().map(str::to_owned)).collect())
}

/// Whom a grant is for.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Holder {
    /// This user, by e-mail address or id
    #[arg(long, value_name = "EMAIL")]
    pub for_user: Option<String>,
    /// This service account of the tenant or of the instance, by name or id
    #[arg(long, value_name = "NAME")]
    pub for_service_account: Option<String>,
    /// Whoever is in this group, by its name or id
    #[arg(long, value_name = "NAME")]
    pub for_group: Option<String>,
}

impl Holder {
    /// What kind of holder it is, in the admin port's words, and its id.
    pub async fn find(&self, port: &Port) -> Result<(&'static str, String), Failure> {
        match (&self.for_user, &self.for_service_account, &self.for_group) {
            (Some(user), _, _) => Ok(("USER", one_of(port, &[People::Persons, People::Users], user).await?)),
            (_, Some(account), _) => Ok(("USER", one_of(port, &People::MACHINES, account).await?)),
            (_, _, Some(group)) => Ok(("GROUP", id(port, &Group::TABLE, group).await?)),
            (None, None, None) => Err(Failure::usage("whom is it for? Say --for-user or another --for-…")),
        }
    }
}

/// The id of a user or service account who has access to the tenant, or could get it.
pub async fn anyone(port: &Port, text: &str) -> Result<String, Failure> {
    one_of(port, &[People::Members, People::Users, People::Own, People::Instance], text).await
}

/// Where people and machines are listed.
#[derive(Clone, Copy)]
enum People {
    /// Who has access to the tenant.
    Members,
    /// The users among them.
    Persons,
    Users,
    /// The tenant's service accounts.
    Own,
    /// The instance's service accounts.
    Instance,
}

impl People {
    const MACHINES: [People; 2] = [People::Own, People::Instance];

    fn list(self, port: &Port) -> (String, &'static str) {
        match self {
            People::Members | People::Persons => {
                let tenant = port.tenant.as_deref().unwrap_or_default();
                (Place::path(&[tenant, "tenant-access"]), "username")
            }
            People::Users => (User::TABLE.path(port, &[]), "username"),
            People::Own => (Account::TABLE.path(port, &[]), "name"),
            People::Instance => {
                let table = Table { home: Home::Instance, ..Account::TABLE };
                (table.path(port, &[]), "name")
            }
        }
    }
}

/// One name can be that of a user and of several machines, and who makes machines names them: so whoever
/// is meant must be the only one in all of the lists.
async fn one_of(port: &Port, lists: &[People], text: &str) -> Result<String, Failure> {
    let mut found = Found::default();
    for list in lists {
        let (path, field) = list.list(port);
        let users = matches!(list, People::Persons);
        let these = called(port, &path, field, text, |record| !users || record["type"] == "STANDARD").await?;
        found.ids.extend(these.ids);
        found.looked |= these.looked;
        found.refused = found.refused.or(these.refused);
    }
    found.single("account", text)
}

/// What looking for a name has brought.
#[derive(Default)]
struct Found {
    ids: BTreeSet<String>,
    /// Whether the caller may look in one list at least.
    looked: bool,
    /// Why the caller may not look in one.
    refused: Option<String>,
}

/// Those in a list that are called so or have this id, as far as they `fit`. Names are free, and one can
/// look like the id of another record.
async fn called(
    port: &Port,
    list: &str,
    field: &str,
    text: &str,
    fit: impl Fn(&Value) -> bool,
) -> Result<Found, Failure> {
    let fields = [Some(field), could_be_id(text).then_some("id")];
    let mut found = Found::default();
    for field in fields.into_iter().flatten() {
        let filter = format!("filters[{field}][EQUALS]");
        // A name is that of one user, one machine of the tenant and one of the instance at most.
        let query = Place::query(&[(filter.as_str(), text), ("size", "4")]);
        match port.client.get(&(list.to_owned() + &query)).await {
            Ok(answer) => {
                let fitting = results(&answer.document).iter().filter(|record| fit(record));
                found.looked = true;
                found.ids.extend(fitting.filter_map(|record| record["id"].as_str().map(str::to_owned)));
            }
            Err(ClientError::Refused { status: StatusCode::FORBIDDEN, message }) => {
                found.refused = Some(message);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Drawn ids, and those of the managed roles, such as `admin_acme`.
fn could_be_id(text: &str) -> bool {
    text.parse::<Id>().is_ok() || (text.contains('_') && !text.contains('@'))
}

impl Found {
    fn single(self, noun: &str, text: &str) -> Result<String, Failure> {
        if self.ids.len() > 1 {
            let ids: Vec<String> = self.ids.iter().map(|id| printable(id)).collect();
            return Err(Failure::usage(format!(
                "{text:?} is the name or the id of more than one {noun}: say the id of the one that is meant ({})",
                ids.join(", ")
            )));
        }
        let refused = |status, message| Err(ClientError::Refused { status, message }.into());
        match (self.ids.into_iter().next(), self.refused) {
            (Some(id), _) => Ok(id),
            (None, None) => refused(StatusCode::NOT_FOUND, format!("no {noun} {text:?}")),
            (None, Some(_)) if could_be_id(text) => Ok(text.to_owned()),
            (None, Some(why)) if self.looked => refused(
                StatusCode::NOT_FOUND,
                format!("no {noun} {text:?} where you may look; elsewhere use the id ({why})"),
            ),
            (None, Some(why)) => refused(
                StatusCode::FORBIDDEN,
                format!("you may not look names up here ({why}): use the id of {text:?}"),
            ),
        }
    }
}

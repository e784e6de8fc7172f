//! From what people call a record to its id. Whoever may not look for names has to know the id.

use http::StatusCode;
use serde_json::Value;

use super::Table;
use super::accounts::Account;
use super::groups::Group;
use super::users::User;
use super::{Home, Kind as _};
use crate::cli::client::{ClientError, Place};
use crate::cli::fault::Failure;
use crate::cli::listing::results;
use crate::cli::port::Port;

/// The id of the record of this kind that is called `text`; what is no name is taken for the id.
pub async fn id(port: &Port, table: &Table, text: &str) -> Result<String, Failure> {
    id_in(port, port.tenant.as_deref(), table, text).await
}

/// As [`id`], for the tenant that is named.
pub async fn id_in(port: &Port, tenant: Option<&str>, table: &Table, text: &str) -> Result<String, Failure> {
    let Some(field) = table.name else { return Ok(text.to_owned()) };
    let found = called(port, &table.path_of(tenant, table.list), field, text).await?;
    Ok(single(found, table.noun, text)?.unwrap_or_else(|| text.to_owned()))
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
            (Some(user), _, _) => Ok(("USER", one_of(port, &[People::Members, People::Users], user).await?)),
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
            People::Members => {
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

/// The first list counts in which somebody is called so.
async fn one_of(port: &Port, lists: &[People], text: &str) -> Result<String, Failure> {
    for list in lists {
        let (path, field) = list.list(port);
        if let Some(id) = single(called(port, &path, field, text).await?, "account", text)? {
            return Ok(id);
        }
    }
    Ok(text.to_owned())
}

/// The ids of those in a list that are called so; none where the caller may not look.
async fn called(port: &Port, list: &str, field: &str, text: &str) -> Result<Vec<String>, Failure> {
    let filter = format!("filters[{field}][EQUALS]");
    let query = Place::query(&[(filter.as_str(), text), ("size", "2")]);
    match port.client.get(&(list.to_owned() + &query)).await {
        Ok(answer) => {
            let id = |record: &Value| record["id"].as_str().map(str::to_owned);
            Ok(results(&answer.document).iter().filter_map(id).collect())
        }
        Err(ClientError::Refused { status: StatusCode::FORBIDDEN, .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn single(found: Vec<String>, noun: &str, text: &str) -> Result<Option<String>, Failure> {
    match found.as_slice() {
        [_, _, ..] => {
            let ids = found.join(", ");
            Err(Failure::usage(format!(
                "there is more than one {noun} called {text:?}: say the id ({ids}, …)"
            )))
        }
        _ => Ok(found.into_iter().next()),
    }
}

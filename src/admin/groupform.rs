//! Groups as they are written and shown on the wire.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bindingform::holder;
use super::body::Rest;
use super::problem::Refusal;
use super::words;
use crate::control::{Flaws, GroupForm, Name, Prose};
use crate::model::{Group, Id};

/// What Kestra's clients send along, and what the gateway says itself.
const TOLERATED: &[&str] = &["createdAt", "namespaceId", "updatedAt"];
/// People of one request.
const MOST: usize = 1000;

/// A group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Group)]
pub(super) struct Shown {
    pub(super) id: String,
    #[schema(example = "on-call")]
    name: String,
    description: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Group> for Shown {
    fn from(group: Group) -> Self {
        Shown {
            id: group.id.to_string(),
            name: group.name,
            description: group.description,
            created_at: group.created_at.to_string(),
            updated_at: group.updated_at.to_string(),
        }
    }
}

/// What a group shall be. Fields that Kestra's clients send beside these are accepted and ignored;
/// others are refused.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = GroupForm)]
pub(super) struct Form {
    /// Nothing but the group's own id; not looked at in a new group, which draws its own.
    id: Option<String>,
    /// Unique in the tenant, whatever the case.
    #[schema(value_type = words::Name, required = true)]
    name: Option<String>,
    /// Empty when left out.
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    /// Only of a group that is made: the ids of the users and service accounts that shall be in it.
    #[schema(value_type = Option<Vec<words::Id>>, max_items = 1000)]
    members_id: Option<Vec<String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl Form {
    pub(super) fn create(mut self) -> Result<(GroupForm, BTreeSet<Id>), Refusal> {
        let members = self.members_id.take().unwrap_or_default();
        let form = self.read(members.len() > MOST)?;
        let members = members.iter().map(|id| holder(id)).collect::<Result<_, _>>()?;
        Ok((form, members))
    }

    pub(super) fn replace(self, id: Id) -> Result<GroupForm, Refusal> {
        let mut flaws = Flaws::default();
        if self.id.as_ref().is_some_and(|given| *given != id.to_string()) {
            flaws.add("id", "cannot be changed");
        }
        if self.members_id.is_some() {
            flaws.add("membersId", "is only for a new group: see /members");
        }
        flaws.settle()?;
        self.read(false)
    }

    fn read(self, crowded: bool) -> Result<GroupForm, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[TOLERATED], &mut flaws);
        if crowded {
            flaws.add("membersId", format_args!("has at most {MOST} ids"));
        }
        let name = match self.name {
            Some(name) => flaws.take("name", Name::parse(name)),
            None => flaws.take("name", Err("is missing")),
        };
        let description = flaws.take("description", Prose::parse(self.description.unwrap_or_default()));
        let (name, description) = flaws.yields(name.zip(description))?;
        Ok(GroupForm { name, description })
    }
}

/// The groups that somebody shall be in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = UserGroupsForm)]
pub(super) struct UserGroups {
    /// Their ids.
    #[schema(value_type = Vec<words::Id>, max_items = 1000)]
    group_ids: Vec<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

impl UserGroups {
    pub(super) fn read(self) -> Result<BTreeSet<Id>, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        if self.group_ids.len() > MOST {
            flaws.add("groupIds", format_args!("has at most {MOST} ids"));
        }
        flaws.settle()?;
        let parse = |id: &String| id.parse().map_err(|_| Refusal::NoRecord(format!("group {id:?}")));
        self.group_ids.iter().map(parse).collect()
    }
}

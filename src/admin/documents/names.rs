//! Who is meant, in documents: exactly one of a few fields names them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use utoipa::ToSchema;

use super::super::bindingform::check_services;
use super::super::memberform::Membership;
use super::super::words;
use crate::control::Flaws;
use crate::control::apply::{BindingDocument, Holder, RoleName, Who};
use crate::model::{self, Slug, UserName};

/// Somebody with access to a tenant: exactly one of the fields.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a map that names somebody")]
#[schema(as = MemberDocument)]
pub(super) struct WhoForm {
    #[schema(value_type = Option<words::UserName>)]
    user: Option<String>,
    /// One of the instance's.
    #[schema(value_type = Option<words::Slug>)]
    instance_service_account: Option<String>,
}

/// Somebody in a group: exactly one of the names.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a map that names somebody")]
#[schema(as = GroupMemberDocument)]
pub(super) struct SeatForm {
    #[schema(value_type = Option<words::UserName>)]
    user: Option<String>,
    /// One of the tenant's own.
    #[schema(value_type = Option<words::Slug>)]
    service_account: Option<String>,
    /// One of the instance's.
    #[schema(value_type = Option<words::Slug>)]
    instance_service_account: Option<String>,
    /// `MEMBER` when left out.
    membership: Option<Membership>,
}

/// Who has which role: exactly one of `user`, `serviceAccount`, `instanceServiceAccount`, `group`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a map that names somebody and a role")]
#[schema(as = BindingDocument)]
pub(super) struct BindingForm {
    #[schema(value_type = Option<words::UserName>)]
    user: Option<String>,
    /// One of the tenant's own.
    #[schema(value_type = Option<words::Slug>)]
    service_account: Option<String>,
    /// One of the instance's.
    #[schema(value_type = Option<words::Slug>)]
    instance_service_account: Option<String>,
    #[schema(value_type = Option<words::Name>)]
    group: Option<String>,
    /// `admin`, `editor`, `viewer`, `writer`, or the name of one of the tenant's own roles.
    #[schema(value_type = words::Name, example = "viewer")]
    role: String,
    /// The only services at which the role holds; everywhere when left out.
    #[schema(value_type = Option<BTreeSet<words::ServiceName>>, min_items = 1, max_items = 64)]
    services: Option<BTreeSet<String>>,
}

/// The four fields of which exactly one is given.
struct Given {
    user: Option<String>,
    own: Option<String>,
    instance: Option<String>,
    group: Option<String>,
}

impl Given {
    fn holder(self, words: &str, at: &str, flaws: &mut Flaws) -> Option<Holder> {
        match (self.user, self.own, self.instance, self.group) {
            (Some(name), None, None, None) => {
                let name = flaws.take(&format!("{at}.user"), UserName::parse(&name))?;
                Some(Holder::Who(Who::User(name)))
            }
            (None, Some(name), None, None) => {
                let name = flaws.take(&format!("{at}.serviceAccount"), Slug::parse(&name))?;
                Some(Holder::Who(Who::Account(name)))
            }
            (None, None, Some(name), None) => {
                let name = flaws.take(&format!("{at}.instanceServiceAccount"), Slug::parse(&name))?;
                Some(Holder::Who(Who::InstanceAccount(name)))
            }
            (None, None, None, Some(name)) => Some(Holder::Group(name)),
            _ => {
                flaws.add(at, format_args!("names exactly one: {words}"));
                None
            }
        }
    }
}

impl WhoForm {
    pub(super) fn read(self, at: &str, flaws: &mut Flaws) -> Option<Who> {
        let given =
            Given { user: self.user, own: None, instance: self.instance_service_account, group: None };
        match given.holder("user or instanceServiceAccount", at, flaws)? {
            Holder::Who(who) => Some(who),
            Holder::Group(_) => None,
        }
    }
}

/// The members of a group, each once.
pub(super) fn seats(forms: Vec<SeatForm>, at: &str, flaws: &mut Flaws) -> BTreeMap<Who, model::Membership> {
    let mut seats = BTreeMap::new();
    for (nth, form) in forms.into_iter().enumerate() {
        let at = format!("{at}[{nth}]");
        let given = Given {
            user: form.user,
            own: form.service_account,
            instance: form.instance_service_account,
            group: None,
        };
        let words = "user, serviceAccount or instanceServiceAccount";
        let Some(Holder::Who(who)) = given.holder(words, &at, flaws) else { continue };
        let membership = form.membership.unwrap_or(Membership::Member);
        if seats.insert(who, membership.into()).is_some() {
            flaws.add(&at, "is in the group already, further up");
        }
    }
    seats
}

impl BindingForm {
    pub(super) fn read(self, at: &str, flaws: &mut Flaws) -> Option<BindingDocument> {
        let given = Given {
            user: self.user,
            own: self.service_account,
            instance: self.instance_service_account,
            group: self.group,
        };
        let words = "user, serviceAccount, instanceServiceAccount or group";
        let holder = given.holder(words, at, flaws);
        if let Some(services) = &self.services {
            let mut theirs = Flaws::default();
            check_services(services, &mut theirs);
            flaws.add_all(&format!("{at}."), theirs);
        }
        Some(BindingDocument { holder: holder?, role: RoleName::of(self.role), services: self.services })
    }
}

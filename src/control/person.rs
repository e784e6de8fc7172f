//! A user as a whole: the record, and the tenants and groups that they are in.

use std::borrow::Cow;
use std::sync::Arc;

use super::members::memberships;
use super::version::with_access;
use super::{Control, Fault, Listed};
use crate::model::{Id, Principal, Tenant, TenantId, User};
use crate::snapshot::Snapshot;
use crate::store::{Page, RecordId, Store, Stored};

/// Of how many tenants a list of users or service accounts tells for each. Alone they are shown with all.
pub(super) const TENANTS_IN_LIST: usize = 100;

/// A user and where they belong.
pub struct Person {
    pub user: User,
    /// The tenants to which they have access, sorted by id, with their names; in a list the first 100.
    pub tenants: Vec<(TenantId, String)>,
    pub groups: Vec<(TenantId, Id)>,
}

impl Listed for User {
    const FIELDS: &'static [&'static str] =
        &["id", "username", "email", "firstName", "lastName", "displayName"];

    fn field(&self, name: &str) -> Cow<'_, str> {
        match name {
            "id" => self.id.to_string().into(),
            "username" | "email" => self.name.as_str().into(),
            "firstName" => self.first_name.as_str().into(),
            "lastName" => self.last_name.as_str().into(),
            "displayName" => display_name(self).into(),
            _ => Cow::default(),
        }
    }
}

/// What people call a user: first and last name, or else the name to sign in by.
pub fn display_name(user: &User) -> String {
    let both = format!("{} {}", user.first_name, user.last_name);
    match both.trim() {
        "" => user.name.to_string(),
        name => name.to_owned(),
    }
}

impl Control {
    /// The tenants to which somebody has access, sorted by id, with their names.
    pub async fn tenants_of(&self, principal: Id) -> Result<Vec<(TenantId, String)>, Fault> {
        let snapshot = self.published.load();
        self.read(move |store| tenants(store, &snapshot, principal, usize::MAX)).await
    }

    /// A tenant with its name, if there is one.
    pub async fn tenant_named(&self, id: &TenantId) -> Result<Vec<(TenantId, String)>, Fault> {
        let id = id.clone();
        self.read(move |store| {
            let tenant = store.find::<Tenant>(&RecordId::Tenant(id))?;
            Ok(tenant.into_iter().map(|tenant| (tenant.value.id, tenant.value.name)).collect())
        })
        .await
    }

    pub(super) async fn person(&self, user: Stored<User>) -> Result<Stored<Person>, Fault> {
        let snapshot = self.published.load();
        self.read(move |store| whole(store, &snapshot, user, usize::MAX)).await
    }

    pub(super) async fn people(&self, page: Page<User>) -> Result<Page<Person>, Fault> {
        let snapshot = self.published.load();
        self.read(move |store| {
            let people = page.items.into_iter().map(|user| whole(store, &snapshot, user, TENANTS_IN_LIST));
            Ok(Page { items: people.collect::<Result<_, _>>()?, total: page.total })
        })
        .await
    }
}

fn whole(
    store: &Store,
    snapshot: &Arc<Snapshot>,
    Stored { version, value: user }: Stored<User>,
    most: usize,
) -> Result<Stored<Person>, Fault> {
    let access = memberships(store, snapshot, Principal::User(user.id), most)?;
    let version = with_access(version, &access);
    let (mut tenants, mut groups) = (Vec::new(), Vec::new());
    for Stored { value: member, .. } in access {
        if let Some(tenant) = store.find::<Tenant>(&RecordId::Tenant(member.tenant))? {
            let id = tenant.value.id;
            groups.extend(member.groups.into_keys().map(|group| (id.clone(), group)));
            tenants.push((id, tenant.value.name));
        }
    }
    Ok(Stored { version, value: Person { user, tenants, groups } })
}

/// The tenants to which somebody has access, sorted by id, with their names; at most `most`.
pub(super) fn tenants(
    store: &Store,
    snapshot: &Snapshot,
    principal: Id,
    most: usize,
) -> Result<Vec<(TenantId, String)>, Fault> {
    let mut tenants = Vec::new();
    for id in snapshot.member_of.get(&principal).into_iter().flat_map(|tenants| tenants.iter()).take(most) {
        // One that was deleted a moment ago is no more.
        if let Some(tenant) = store.find::<Tenant>(&RecordId::Tenant(id.clone()))? {
            tenants.push((id.clone(), tenant.value.name));
        }
    }
    Ok(tenants)
}

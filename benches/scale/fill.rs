//! A large store: tenants, each with a service account that has tokens, and with members who are bound
//! to roles. Written into the store itself, for a call and a commit each would take hours.

use std::path::Path;

use anyhow::{Context as _, Result};
use tenantry::model::{
    ApiToken, Binding, Id, ManagedRole, Member, OrgId, OrgRecord, Principal, RoleId, Secret, ServiceAccount,
    Slug, Subject, Tenant, TenantId, TicketKind, Timestamp, User, UserName, issue,
};
use tenantry::store::{Change, Store, TakenName, UniqueName};

/// How much there is of everything.
#[derive(Clone, Copy)]
pub struct Size {
    pub tenants: usize,
    /// Of each tenant.
    pub bindings: usize,
    /// Of each tenant's service account.
    pub tokens: usize,
}

/// Tenants written in one commit.
const BATCH: usize = 1000;

/// Fills the store, which must be nobody else's; gives back one tenant and one of its tokens.
pub fn fill(folder: &Path, size: Size) -> Result<(TenantId, Secret)> {
    let store = Store::open(folder)?;
    let people = people(size.bindings)?;
    let users = people.iter().flat_map(|user| {
        let name = UniqueName::User(user.name.as_str().to_owned());
        [Change::Put(user.clone().into()), Change::Put(TakenName { name, id: user.id }.into())]
    });
    store.commit(&[], users.collect())?;
    let mut shown = None;
    let numbers: Vec<usize> = (0..size.tenants).collect();
    for batch in numbers.chunks(BATCH) {
        let mut changes = Vec::with_capacity(batch.len() * (4 + 2 * size.bindings + size.tokens));
        for number in batch {
            shown = Some(tenant(*number, size, &people, &mut changes)?);
        }
        store.commit(&[], changes)?;
    }
    shown.context("no tenant at all")
}

/// The people who are members of every tenant.
fn people(count: usize) -> Result<Vec<User>> {
    let person = |number: usize| {
        Ok(User {
            id: draw()?,
            name: UserName::parse(&format!("person-{number}@example.com"))?,
            first_name: String::new(),
            last_name: String::new(),
            password_hash: None,
            super_admin: false,
            disabled: false,
            restricted: false,
            created_at: NOW,
            updated_at: NOW,
        })
    };
    (1..count).map(person).collect()
}

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

fn tenant(
    number: usize,
    size: Size,
    people: &[User],
    changes: &mut Vec<Change>,
) -> Result<(TenantId, Secret)> {
    let id = TenantId::parse(&format!("t{number:06}"))?;
    let org_id = OrgId::nth(&id, 1);
    let org = OrgRecord { org_id: org_id.clone(), tenant: id.clone(), created_at: NOW, deleted_at: None };
    changes.extend([Change::Put(Tenant::new(id.clone(), org_id, NOW).into()), Change::Put(org.into())]);
    let account = ServiceAccount {
        id: draw()?,
        tenant: Some(id.clone()),
        name: Slug::parse("agent")?,
        description: String::new(),
        super_admin: false,
        disabled: false,
        created_at: NOW,
        updated_at: NOW,
    };
    let name = UniqueName::ServiceAccount(Some(id.clone()), "agent".to_owned());
    changes.push(Change::Put(TakenName { name, id: account.id }.into()));
    bind(&id, Principal::ServiceAccount(account.id), ManagedRole::Writer, changes)?;
    for user in people {
        bind(&id, Principal::User(user.id), ManagedRole::Viewer, changes)?;
    }
    let mut shown = None;
    for nth in 0..size.tokens {
        let (token, text) = token(&account, nth)?;
        changes.push(Change::Put(token.into()));
        shown = Some(text);
    }
    changes.push(Change::Put(account.into()));
    Ok((id, shown.context("no token at all")?))
}

fn bind(tenant: &TenantId, principal: Principal, role: ManagedRole, changes: &mut Vec<Change>) -> Result<()> {
    let member = Member {
        tenant: tenant.clone(),
        principal,
        groups: std::collections::BTreeMap::new(),
        created_at: NOW,
    };
    let subject = match principal {
        Principal::User(id) => Subject::User(id),
        Principal::ServiceAccount(id) => Subject::ServiceAccount(id),
    };
    let binding = Binding {
        tenant: tenant.clone(),
        id: draw()?,
        subject,
        role: RoleId::Managed(role),
        services: None,
        created_at: NOW,
    };
    changes.extend([Change::Put(member.into()), Change::Put(binding.into())]);
    Ok(())
}

fn token(account: &ServiceAccount, nth: usize) -> Result<(ApiToken, Secret)> {
    let id = draw()?;
    let mut random = [0; 64];
    getrandom::fill(&mut random)?;
    let (text, hash) = issue(TicketKind::ApiToken, id, random).context("too uneven: run it again")?;
    let token = ApiToken {
        id,
        owner: Principal::ServiceAccount(account.id),
        name: Slug::parse(&format!("token-{nth}"))?,
        description: String::new(),
        hash,
        created_at: NOW,
        max_age: None,
        extended: false,
        scopes: None,
        tenant: None,
    };
    Ok((token, text))
}

fn draw() -> Result<Id> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(Id::from_random(random))
}

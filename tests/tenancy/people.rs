//! Users with API tokens and roles, written past the use cases: those have tests of their own.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;
use tenantry::model::{
    ApiToken, Binding, Id, ManagedRole, Member, Principal, Rights, Role, RoleId, Secret, Slug, Subject,
    TenantId, TicketKind, Timestamp, User, UserName, issue,
};
use tenantry::store::{Change, TakenName, UniqueName};

use crate::control::{Answer, Port};

pub fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).expect("an id")
}

pub fn now() -> Timestamp {
    Timestamp::from_seconds(Timestamp::now().seconds())
}

pub fn draw() -> Id {
    Id::from_random(std::array::from_fn(|_| rand_byte()))
}

fn rand_byte() -> u8 {
    let mut byte = [0];
    getrandom::fill(&mut byte).expect("randomness");
    byte[0]
}

/// An API token of an owner, and the record of it.
pub fn token(owner: Principal, name: &str) -> (Secret, ApiToken) {
    let (id, random) = (draw(), std::array::from_fn(|_| rand_byte()));
    let (text, hash) = issue(TicketKind::ApiToken, id, random).expect("a token");
    let record = ApiToken {
        id,
        owner,
        name: Slug::parse(name).expect("a name"),
        description: String::new(),
        hash,
        created_at: now(),
        max_age: None,
        extended: false,
        scopes: None,
        tenant: None,
    };
    (text, record)
}

/// The changes that make a user, and its id.
pub fn user(name: &str) -> (Id, Vec<Change>) {
    let id = draw();
    let user = User {
        id,
        name: UserName::parse(name).expect("a name"),
        first_name: String::new(),
        last_name: String::new(),
        password_hash: None,
        super_admin: false,
        disabled: false,
        restricted: false,
        created_at: now(),
        updated_at: now(),
    };
    let taken = TakenName { name: UniqueName::User(name.to_owned()), id };
    (id, vec![Change::Put(user.into()), Change::Put(taken.into())])
}

/// The changes that let a user into a tenant, with a role there.
pub fn bound(user: Id, of: &str, role: RoleId) -> Vec<Change> {
    let principal = Principal::User(user);
    let member = Member { tenant: tenant(of), principal, groups: BTreeMap::new(), created_at: now() };
    let binding = Binding {
        tenant: tenant(of),
        id: draw(),
        subject: Subject::User(user),
        role,
        services: None,
        created_at: now(),
    };
    vec![Change::Put(member.into()), Change::Put(binding.into())]
}

/// A role of a tenant's own with these rights: its id, and the change that makes it.
pub fn role(of: &str, rights: &[&str]) -> (RoleId, Change) {
    let role = Role {
        tenant: tenant(of),
        id: draw(),
        name: format!("role of {}", rights.join(" ")),
        description: String::new(),
        rights: Rights::parse(rights.iter().copied()).expect("rights"),
        created_at: now(),
        updated_at: now(),
    };
    (RoleId::Custom(role.id), Change::Put(role.into()))
}

/// Somebody who calls the admin port with an API token.
pub struct Caller<'p> {
    pub port: &'p Port,
    token: Secret,
}

impl<'p> Caller<'p> {
    /// A new user with these roles.
    pub async fn new(port: &'p Port, name: &str, roles: &[(&str, RoleId)]) -> Caller<'p> {
        let (id, mut changes) = user(name);
        changes.extend(roles.iter().flat_map(|(tenant, role)| bound(id, tenant, *role)));
        let (token, record) = token(Principal::User(id), "test");
        changes.push(Change::Put(record.into()));
        port.commit(changes).await;
        Caller { port, token }
    }

    /// An Admin of one tenant.
    pub async fn admin(port: &'p Port, name: &str, tenant: &str) -> Caller<'p> {
        Caller::new(port, name, &[(tenant, RoleId::Managed(ManagedRole::Admin))]).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.port.anonymous(method, path).bearer_auth(self.token.reveal());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.port.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }
}

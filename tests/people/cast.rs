//! Who and what the tests are about, written past the use cases where those are other tests' subject.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tenantry::model::{
    ApiToken, Binding, Group, Id, ManagedRole, Member, Membership, OrgId, Principal, Rights, RoleId, Secret,
    ServiceAccount, Slug, Subject, Tenant, TenantId, TicketKind, Timestamp, issue,
};
use tenantry::store::{Change, Record, RecordId};

use crate::support::{Answer, Port};

/// Signs in where a test needs somebody to; nobody's secret.
pub const PASSWORD: &str = "planted-other-pass";

pub fn tenant_id(text: &str) -> TenantId {
    TenantId::parse(text).expect("an id")
}

pub fn id(nth: u8) -> Id {
    Id::from_random([nth; 16])
}

const THEN: Timestamp = Timestamp::from_seconds(1_700_000_000);

pub async fn tenant(port: &Port, name: &str, default_role: Option<RoleId>) {
    let tenant = tenant_id(name);
    let org_id = OrgId::nth(&tenant, 1);
    let tenant = Tenant { default_role, name: name.to_uppercase(), ..Tenant::new(tenant, org_id, THEN) };
    port.commit(vec![Change::Put(tenant.into())]).await;
}

pub async fn group(port: &Port, tenant: &str, nth: u8) -> String {
    let group = Group {
        tenant: tenant_id(tenant),
        id: id(nth),
        name: format!("group {nth}"),
        description: String::new(),
        created_at: THEN,
        updated_at: THEN,
    };
    port.commit(vec![Change::Put(group.into())]).await;
    id(nth).to_string()
}

/// Makes a user through the port, with [`PASSWORD`]; gives the answer's JSON.
pub async fn user(port: &Port, email: &str, more: Value) -> Value {
    let mut form = json!({"email": email, "password": PASSWORD});
    form.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let made = port.post("/api/v1/users", &form).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

pub fn id_of(user: &Value) -> Id {
    user["id"].as_str().expect("a text").parse().expect("an id")
}

pub fn path(user: &Value, rest: &str) -> String {
    format!("/api/v1/users/{}{rest}", user["id"].as_str().expect("a text"))
}

/// A request by name and [`PASSWORD`].
pub fn by(port: &Port, email: &str, method: Method, path: &str) -> RequestBuilder {
    port.anonymous(method, path).basic_auth(email, Some(PASSWORD))
}

pub fn binding(nth: u8, tenant: &str, subject: Subject) -> Binding {
    let role = RoleId::Managed(ManagedRole::Viewer);
    Binding { tenant: tenant_id(tenant), id: id(nth), subject, role, services: None, created_at: THEN }
}

pub fn owner(tenant: &str, user: Id, group: u8) -> Member {
    let groups = BTreeMap::from([(id(group), Membership::Owner)]);
    Member { tenant: tenant_id(tenant), principal: Principal::User(user), groups, created_at: THEN }
}

pub fn machine(nth: u8, super_admin: bool) -> ServiceAccount {
    ServiceAccount {
        id: id(nth),
        tenant: None,
        name: Slug::parse("robot").expect("a slug"),
        description: String::new(),
        super_admin,
        disabled: false,
        created_at: THEN,
        updated_at: THEN,
    }
}

/// A token of somebody, and its text.
pub fn token(nth: u8, owner: Principal, scopes: Option<Rights>) -> (ApiToken, Secret) {
    let (text, hash) = issue(TicketKind::ApiToken, id(nth), [nth; 64]).expect("enough randomness");
    let token = ApiToken {
        id: id(nth),
        owner,
        name: Slug::parse("ci").expect("a slug"),
        description: String::new(),
        hash,
        created_at: THEN,
        max_age: None,
        extended: false,
        scopes,
        tenant: None,
    };
    (token, text)
}

pub fn stored(port: &Port, id: &RecordId) -> Option<Record> {
    port.store.get(id).expect("a store").map(|stored| stored.value)
}

/// Somebody who has signed in.
pub struct Visit {
    pub cookie: String,
    pub csrf: String,
}

pub async fn sign_in(port: &Port, email: &str) -> Visit {
    let form = json!({"username": email, "password": PASSWORD});
    let answer = port.send(port.anonymous(Method::POST, "/login").json(&form)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    Visit { cookie: ticket(&answer), csrf: answer.json()["csrfToken"].as_str().expect("a text").to_owned() }
}

/// The ticket that an answer sets.
pub fn ticket(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    set.strip_prefix("tenantry=").and_then(|rest| rest.split(';').next()).expect("our cookie").to_owned()
}

impl Visit {
    /// A request by cookie alone.
    pub fn ask(&self, port: &Port, method: Method, path: &str) -> RequestBuilder {
        port.anonymous(method, path).header("cookie", format!("tenantry={}", self.cookie))
    }

    /// With what shows that our own page asks.
    pub fn write(&self, port: &Port, method: Method, path: &str) -> RequestBuilder {
        self.ask(port, method, path).header("x-csrf-token", &self.csrf)
    }

    pub async fn is_live(&self, port: &Port) -> bool {
        match port.send(self.ask(port, Method::GET, "/api/v1/me")).await.status.as_u16() {
            200 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }
}

//! Who plays in these tests: tenants, and callers with tokens of their own.

use std::sync::atomic::{AtomicU8, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use tenantry::model::{
    ApiToken, Id, Principal, Secret, ServiceAccount, Slug, TenantId, TicketKind, Timestamp, User, UserName,
    issue,
};
use tenantry::store::{TakenName, UniqueName};

use super::support::{Answer, Port};

/// A port, and what a super admin does there.
pub struct Stage {
    pub port: Port,
    pub boss: Caller,
    drawn: AtomicU8,
}

/// Somebody who calls with a token.
#[derive(Clone)]
pub struct Caller {
    pub id: String,
    token: Secret,
}

pub fn acme(path: &str) -> String {
    format!("/api/v1/acme/{path}")
}

pub fn text(answer: &Answer, field: &str) -> String {
    answer.json()[field].as_str().unwrap_or_else(|| panic!("{field}: {}", answer.text)).to_owned()
}

impl Stage {
    /// A port with a super admin and the tenants `acme` and `other`.
    pub async fn set() -> Stage {
        let port = Port::start().await;
        let drawn = AtomicU8::new(1);
        let boss = Caller { id: String::new(), token: Secret::new(String::new()) };
        let mut stage = Stage { port, boss, drawn };
        stage.boss = stage.enter("boss@example.com", true).await;
        for tenant in ["acme", "other"] {
            let body = json!({ "id": tenant });
            stage.boss(Method::POST, "/api/v1/tenants", Some(&body)).await.done(200);
        }
        stage
    }

    fn id(&self) -> Id {
        let nth = self.drawn.fetch_add(1, Ordering::Relaxed);
        Id::from_random([nth; 16])
    }

    /// A user without access to any tenant.
    pub async fn user(&self, name: &str) -> Caller {
        self.enter(name, false).await
    }

    async fn enter(&self, name: &str, super_admin: bool) -> Caller {
        let (id, at) = (self.id(), Timestamp::from_seconds(1));
        let name = UserName::parse(name).expect("a name");
        let taken = TakenName { name: UniqueName::User(name.as_str().to_owned()), id };
        let user = User {
            id,
            name,
            first_name: String::new(),
            last_name: String::new(),
            password_hash: None,
            super_admin,
            disabled: false,
            restricted: false,
            created_at: at,
            updated_at: at,
        };
        let (token, record) = self.token(Principal::User(id));
        self.port.commit(vec![put(user), put(taken), put(record)]).await;
        Caller { id: id.to_string(), token }
    }

    /// A service account of a tenant, or of the instance.
    pub async fn machine(&self, name: &str, tenant: Option<&str>) -> Caller {
        let (id, at) = (self.id(), Timestamp::from_seconds(1));
        let account = ServiceAccount {
            id,
            tenant: tenant.map(|id| TenantId::parse(id).expect("an id")),
            name: Slug::parse(name).expect("a name"),
            description: String::new(),
            super_admin: false,
            disabled: false,
            created_at: at,
            updated_at: at,
        };
        let (token, record) = self.token(Principal::ServiceAccount(id));
        self.port.commit(vec![put(account), put(record)]).await;
        Caller { id: id.to_string(), token }
    }

    fn token(&self, owner: Principal) -> (Secret, ApiToken) {
        let id = self.id();
        let (token, hash) = issue(TicketKind::ApiToken, id, [7; 64]).expect("a token");
        let record = ApiToken {
            id,
            owner,
            name: Slug::parse("test").expect("a name"),
            description: String::new(),
            hash,
            created_at: Timestamp::from_seconds(1),
            max_age: None,
            extended: false,
            scopes: None,
            tenant: None,
        };
        (token, record)
    }

    /// Narrows a caller's token to some rights.
    pub async fn narrowed(&self, caller: &Caller, scopes: &[&str]) -> Caller {
        let owner = Principal::User(caller.id.parse().expect("an id"));
        let (token, mut record) = self.token(owner);
        record.scopes = Some(tenantry::model::Rights::parse(scopes.iter().copied()).expect("rights"));
        self.port.commit(vec![put(record)]).await;
        Caller { id: caller.id.clone(), token }
    }

    /// A user who is bound to a new role of these permissions in `acme`.
    pub async fn player(&self, name: &str, permissions: &Value) -> Caller {
        let caller = self.user(&format!("{name}@example.com")).await;
        let role = self.role(name, permissions).await;
        self.bind("USER", &caller.id, &role).await;
        caller
    }

    /// A new role of `acme`; its id.
    pub async fn role(&self, name: &str, permissions: &Value) -> String {
        let body = json!({"name": name, "permissions": permissions});
        let made = self.boss(Method::POST, &acme("roles"), Some(&body)).await;
        text(made.done(200), "id")
    }

    /// A new group of `acme`; its id.
    pub async fn group(&self, name: &str) -> String {
        let made = self.boss(Method::POST, &acme("groups"), Some(&json!({ "name": name }))).await;
        text(made.done(200), "id")
    }

    /// A new binding in `acme`; its id.
    pub async fn bind(&self, kind: &str, holder: &str, role: &str) -> String {
        let body = json!({"type": kind, "externalId": holder, "roleId": role});
        let made = self.boss(Method::POST, &acme("bindings"), Some(&body)).await;
        text(made.done(200), "id")
    }

    pub async fn boss(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.call(&self.boss, method, path, body).await
    }

    pub async fn call(&self, caller: &Caller, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.port.anonymous(method, path).bearer_auth(caller.token.reveal());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.port.send(request).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.boss(Method::GET, path, None).await;
        answer.done(200);
        answer.json()
    }

    /// The rights that somebody has in `acme`, as the data plane knows them; none without access.
    pub fn rights(&self, id: &str) -> Option<Vec<String>> {
        let snapshot = self.port.published.load();
        let access = &snapshot.tenants.get("acme").expect("the tenant").access;
        let rights = access.rights(id.parse().expect("an id"))?;
        let at = rights
            .at
            .iter()
            .flat_map(|(name, grants)| grants.iter().map(move |permission| format!("{permission}@{name}")));
        Some(rights.everywhere.texts().chain(at).collect())
    }
}

fn put(record: impl Into<tenantry::store::Record>) -> tenantry::store::Change {
    tenantry::store::Change::Put(Box::new(record.into()))
}

/// Asserts of answers that they are no refusals.
pub trait Done {
    fn done(&self, status: u16) -> &Self;
}

impl Done for Answer {
    fn done(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

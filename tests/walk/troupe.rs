//! Who calls: every kind of caller with every kind of credential.

use std::net::{IpAddr, Ipv4Addr};

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::control::{PASSWORD, Port, USER};
use crate::scene::Scene;

/// What a caller is to the tenant `acme`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Malformed,
    Unknown,
    /// The Admin of another tenant.
    Stranger,
    Viewer,
    Admin,
    /// A super admin.
    Boss,
    /// A super admin by a cookie, without the proof that our own page asks.
    Lured,
}

/// What a request carries.
#[derive(Clone)]
pub enum Credential {
    None,
    /// A value of `Authorization`, as it is.
    Raw(String),
    Bearer(String),
    Basic(String, String),
    /// A user name that nobody has, another one each time.
    Stray,
    Cookie(String, Option<String>),
}

pub struct Actor {
    pub who: Who,
    /// By what, for people.
    pub by: &'static str,
    /// The id of an API token of theirs that they do not call with.
    pub spare: Option<String>,
    credential: Credential,
}

impl Actor {
    pub fn request(&self, port: &Port, method: &Method, path: &str, nth: usize) -> RequestBuilder {
        let request = port.anonymous(method.clone(), path);
        match &self.credential {
            Credential::None => request,
            Credential::Raw(value) => request.header("authorization", value),
            Credential::Bearer(token) => request.bearer_auth(token),
            Credential::Basic(user, password) => request.basic_auth(user, Some(password)),
            Credential::Stray => request.basic_auth(format!("stray{nth}@example.com"), Some(PASSWORD)),
            Credential::Cookie(ticket, None) => request.header("cookie", format!("tenantry={ticket}")),
            Credential::Cookie(ticket, Some(csrf)) => {
                request.header("cookie", format!("tenantry={ticket}")).header("x-csrf-token", csrf)
            }
        }
    }

    /// From where the caller calls, if not from the usual place. Every failure with a password costs its
    /// address an attempt, so those who fail come from elsewhere, and from another place after a few.
    pub fn address(&self, nth: usize) -> Option<IpAddr> {
        let nth = u8::try_from(nth / 50 % 250).expect("less than 250");
        matches!(self.credential, Credential::Stray).then(|| Ipv4Addr::new(127, 0, 1, nth + 1).into())
    }
}

/// All of them. The Admin's spare token is `OWN_TOKEN` in the scene.
pub async fn troupe(scene: &mut Scene) -> Vec<Actor> {
    let mut all = vec![
        actor(Who::Nobody, "nothing", Credential::None),
        actor(Who::Malformed, "bearer", Credential::Raw("Bearer not a token".to_owned())),
        actor(Who::Malformed, "basic", Credential::Raw("Basic !!!".to_owned())),
        actor(Who::Malformed, "cookie", Credential::Cookie("not-a-ticket".to_owned(), None)),
        actor(Who::Unknown, "basic", Credential::Stray),
    ];
    for (who, name, tenant, role) in [
        (Who::Stranger, "stranger@example.com", "beta", "admin"),
        (Who::Viewer, "viewer@example.com", "acme", "viewer"),
        (Who::Admin, "admin@example.com", "acme", "admin"),
    ] {
        let form = json!({"email": name, "password": PASSWORD});
        let user = scene.port.post("/api/v1/users", &form).await.json()["id"].clone();
        let form = json!({"type": "USER", "externalId": user, "roleId": format!("{role}_{tenant}")});
        let bound = scene.port.post(&format!("/api/v1/{tenant}/bindings"), &form).await;
        assert_eq!(bound.status, 200, "{}", bound.text);
        all.extend(known(scene, who, name).await);
    }
    all.extend(known(scene, Who::Boss, USER).await);
    all.extend(unknown(scene).await);
    all
}

fn actor(who: Who, by: &'static str, credential: Credential) -> Actor {
    Actor { who, by, spare: None, credential }
}

/// Somebody, by each credential that they can have.
async fn known(scene: &mut Scene, who: Who, name: &str) -> Vec<Actor> {
    let token = token(scene, name, "here").await.1;
    let (ticket, csrf) = sign_in(&scene.port, name).await;
    let spare = self::token(scene, name, "spare").await.0;
    if who == Who::Admin {
        scene.name("OWN_TOKEN", spare.clone());
    }
    let mut all = vec![
        actor(who, "bearer", Credential::Bearer(token.clone())),
        actor(who, "basic", Credential::Basic(name.to_owned(), PASSWORD.to_owned())),
        actor(who, "token as password", Credential::Basic("anybody".to_owned(), token)),
        actor(who, "cookie", Credential::Cookie(ticket.clone(), Some(csrf))),
    ];
    if who == Who::Boss {
        all.push(actor(Who::Lured, "cookie alone", Credential::Cookie(ticket, None)));
    }
    for actor in &mut all {
        actor.spare = Some(spare.clone());
    }
    all
}

/// Credentials of the right form that were good once.
async fn unknown(scene: &Scene) -> Vec<Actor> {
    let (id, token) = token(scene, USER, "past").await;
    let (ticket, csrf) = sign_in(&scene.port, USER).await;
    let gone = scene.port.delete(&format!("/api/v1/me/api-tokens/{id}")).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    let out = scene.port.anonymous(Method::POST, "/logout").header("cookie", format!("tenantry={ticket}"));
    assert_eq!(scene.port.send(out.header("x-csrf-token", &csrf)).await.status, 204);
    vec![
        actor(Who::Unknown, "bearer", Credential::Bearer(token.clone())),
        actor(Who::Unknown, "token as password", Credential::Basic("anybody".to_owned(), token)),
        actor(Who::Unknown, "cookie", Credential::Cookie(ticket, Some(csrf))),
    ]
}

/// A new token of a user: its id, and its text.
pub async fn token(scene: &Scene, user: &str, name: &str) -> (String, String) {
    let request = scene.port.anonymous(Method::POST, "/api/v1/me/api-tokens");
    let made = scene.port.send(request.basic_auth(user, Some(PASSWORD)).json(&json!({ "name": name }))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let text =
        |field: &str| made.json()[field].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    (text("id"), text("fullToken"))
}

/// Signs a user in: the cookie's ticket, and the CSRF token.
async fn sign_in(port: &Port, user: &str) -> (String, String) {
    let form = json!({"username": user, "password": PASSWORD});
    let answer = port.send(port.anonymous(Method::POST, "/login").json(&form)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let set = answer.header("set-cookie");
    let ticket = set.strip_prefix("tenantry=").and_then(|rest| rest.split(';').next()).expect("our cookie");
    (ticket.to_owned(), answer.json()["csrfToken"].as_str().expect("a text").to_owned())
}

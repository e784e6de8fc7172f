//! Where it plays: two tenants with a record of every kind, and the store as it was then, to which it can
//! be set back. Records are made through the port, by the super admin.

use std::collections::BTreeMap;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use tenantry::store::{Change, Kind, Record, RecordId};

use crate::control::{PASSWORD, Port, USER};

/// The records of one owner, by the words of the table.
pub struct Estate {
    pub tenant: &'static str,
    ids: BTreeMap<&'static str, String>,
}

pub struct Scene {
    pub port: Port,
    /// What the requests aim at.
    pub acme: Estate,
    /// What is another tenant's.
    pub beta: Estate,
    /// What is the instance's.
    pub instance: Estate,
    kept: BTreeMap<RecordId, Record>,
}

/// What a path or a body names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    Own,
    /// Somebody else's.
    Foreign,
    /// Nobody's.
    Missing,
}

pub const MISSING: &str = "7777777777777777777777";

impl Estate {
    pub fn id(&self, word: &str) -> &str {
        self.ids.get(word).unwrap_or_else(|| panic!("{}: no {word}", self.tenant))
    }

    /// All ids but numbers, which mean other things as well.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().filter(|(word, _)| **word != "ENTRY").map(|(_, id)| id.as_str())
    }
}

impl Scene {
    pub async fn set() -> Scene {
        let port = Port::start().await;
        let instance = instance(&port).await;
        let acme = estate(&port, "acme", instance.id("USER")).await;
        let beta = estate(&port, "beta", instance.id("OTHER")).await;
        Scene { port, acme, beta, instance, kept: BTreeMap::new() }
    }

    /// From here on the store is as it shall be.
    pub fn keep(&mut self) {
        self.kept = self.stored();
    }

    /// All records but those that only grow.
    fn stored(&self) -> BTreeMap<RecordId, Record> {
        let kinds: Vec<Kind> = Kind::ALL
            .iter()
            .copied()
            .filter(|kind| !matches!(kind, Kind::Audit | Kind::AuditMark | Kind::TokenUse))
            .collect();
        let mut found = BTreeMap::new();
        let put =
            |stored: tenantry::store::Stored<Record>| drop(found.insert(stored.value.id(), stored.value));
        self.port.store.load(&kinds, put).expect("the records");
        found
    }

    /// What has to be written for the store to be as it was kept.
    fn undo(&self) -> Vec<Change> {
        let now = self.stored();
        let put = self.kept.iter().filter(|(id, record)| now.get(id) != Some(record));
        let put = put.map(|(_, record)| Change::Put(record.clone().into()));
        let gone = now.keys().filter(|id| !self.kept.contains_key(id)).cloned().map(Change::Delete);
        put.chain(gone).collect()
    }

    /// Which records differ from those that were kept.
    pub fn changed(&self) -> Vec<String> {
        self.undo().iter().map(|change| change.id().to_string()).collect()
    }

    pub async fn restore(&self) {
        let undo = self.undo();
        if !undo.is_empty() {
            self.port.commit(undo).await;
        }
    }

    /// A path of which the placeholder at `place` is aimed elsewhere.
    pub fn path(&self, method: &str, template: &str, place: usize, aim: Aim) -> String {
        let mut nth = 0;
        let mut before = "";
        let parts = template.split('/').map(|part| {
            let filled = if part.starts_with('{') {
                let aim = if nth == place { aim } else { Aim::Own };
                nth += 1;
                self.named(method, template, (before, part), aim)
            } else {
                part.to_owned()
            };
            before = part;
            filled
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn named(&self, method: &str, template: &str, (before, part): (&str, &str), aim: Aim) -> String {
        let tenants = template.starts_with("/api/v1/{tenant}");
        if part == "{tenant}" || before == "tenants" {
            let tenant = [(Aim::Own, "acme"), (Aim::Foreign, "beta"), (Aim::Missing, "nosuch")];
            return tenant.iter().find(|(of, _)| *of == aim).expect("all are there").1.to_owned();
        }
        match (aim, part) {
            // The log is long, but not so long.
            (Aim::Missing, "{number}") => return "999999999".to_owned(),
            (Aim::Missing, "{email}") => return "nobody@example.com".to_owned(),
            (Aim::Missing, _) => return MISSING.to_owned(),
            _ => {}
        }
        let comes_in = method == "PUT" && !template.contains("/membership/");
        let word = match before {
            "keys" => "KEY",
            "issuers" => "ISSUER",
            "service-accounts" => "MACHINE",
            "roles" => "ROLE",
            "groups" | "history" => "GROUP",
            "bindings" => "BINDING",
            "auths" => "AUTH",
            "tenant-access" | "members" if comes_in => "GUEST",
            "users" | "tenant-access" | "members" | "membership" => "USER",
            "api-tokens" if template.contains("/me/") => "OWN_TOKEN",
            "api-tokens" if template.contains("/users/") => "USER_TOKEN",
            "api-tokens" => "TOKEN",
            "invitations" => "INVITATION",
            "email" => "INVITED",
            "create" => "TICKET",
            "accept" => "STRANGERS",
            "auditlogs" => "ENTRY",
            other => panic!("what is {part} after {other}?"),
        };
        match (aim, word, tenants) {
            (Aim::Own, "USER" | "GUEST" | "AUTH" | "USER_TOKEN", _) => self.instance.id(word),
            (Aim::Own, _, true) | (Aim::Own, "ENTRY" | "GROUP" | "TICKET" | "STRANGERS", _) => {
                self.acme.id(word)
            }
            (Aim::Own, _, false) => self.instance.id(word),
            // Users are the instance's: no tenant's own but its machines.
            (_, "USER" | "GUEST", _) => self.beta.id("MACHINE"),
            (_, "USER_TOKEN" | "OWN_TOKEN" | "AUTH", _) => self.beta.id("TOKEN"),
            (_, "STRANGERS", _) => self.beta.id("INVITATION"),
            (_, _, true) => self.beta.id(word),
            (_, _, false) => self.acme.id(word),
        }
        .to_owned()
    }

    /// A body whose ids are all aimed at the same.
    pub fn body(&self, template: &str, aim: Aim) -> String {
        let mut text = template.to_owned();
        for word in ["MACHINE", "GROUP", "ROLE"] {
            let id = match aim {
                Aim::Own => self.acme.id(word),
                Aim::Foreign => self.beta.id(word),
                Aim::Missing => MISSING,
            };
            text = text.replace(&format!("${word}"), id);
        }
        let pem = self.instance.id("PEM").replace('\n', "\\n");
        text.replace("$PEM", &pem).replace("$PASSWORD", PASSWORD).replace("$BOSS_NAME", USER)
    }

    /// Changes an id of the instance.
    pub fn name(&mut self, word: &'static str, id: String) {
        self.instance.ids.insert(word, id);
    }
}

fn pem() -> String {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key").public_key_pem()
}

/// Makes a record; its field `id`.
async fn made(port: &Port, path: &str, body: Value) -> String {
    let answer = port.post(path, &body).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

async fn instance(port: &Port) -> Estate {
    let mut ids = BTreeMap::new();
    for (word, name) in [("USER", "tina"), ("OTHER", "otto"), ("GUEST", "guest")] {
        let form = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
        ids.insert(word, made(port, "/api/v1/users", form).await);
    }
    let tokens = format!("/api/v1/users/{}/api-tokens", ids["USER"]);
    ids.insert("USER_TOKEN", made(port, &tokens, json!({"name": "laptop"})).await);
    ids.insert("AUTH", "password".to_owned());
    ids.insert("PEM", pem());
    let rest = fittings(port, "/api/v1", "instance").await;
    ids.extend(rest);
    Estate { tenant: "instance", ids }
}

/// What tenants have and the instance too: a key, an issuer, a service account with a token.
async fn fittings(port: &Port, base: &str, name: &str) -> [(&'static str, String); 4] {
    let key = json!({"id": format!("key-of-{name}"), "public_key": pem()});
    let issuer = json!({
        "id": format!("issuer-of-{name}"), "issuer": format!("https://idp.example.com/{name}"),
    });
    let machine = json!({"name": format!("machine-of-{name}")});
    let machine = made(port, &format!("{base}/service-accounts"), machine).await;
    let tokens = format!("{base}/service-accounts/{machine}/api-tokens");
    [
        ("KEY", made(port, &format!("{base}/keys"), key).await),
        ("ISSUER", made(port, &format!("{base}/issuers"), issuer).await),
        ("TOKEN", made(port, &tokens, json!({"name": "ci"})).await),
        ("MACHINE", machine),
    ]
}

async fn estate(port: &Port, tenant: &'static str, user: &str) -> Estate {
    made(port, "/api/v1/tenants", json!({ "id": tenant })).await;
    let base = format!("/api/v1/{tenant}");
    let mut ids = BTreeMap::from(fittings(port, &base, tenant).await);
    let role = json!({"name": format!("role of {tenant}"), "permissions": {"metrics": ["read"]}});
    let role = made(port, &format!("{base}/roles"), role).await;
    let spare = json!({"name": format!("spare role of {tenant}"), "permissions": {"logs": ["read"]}});
    ids.insert("ROLE", made(port, &format!("{base}/roles"), spare).await);
    let group = json!({"name": format!("group of {tenant}"), "membersId": [user]});
    ids.insert("GROUP", made(port, &format!("{base}/groups"), group).await);
    let binding = json!({"type": "USER", "externalId": user, "roleId": role});
    ids.insert("BINDING", made(port, &format!("{base}/bindings"), binding).await);
    let invitations = format!("{base}/invitations");
    let email = format!("invited-to-{tenant}@example.com");
    let sent = port.post(&invitations, &json!({ "email": email })).await.json();
    let link = sent["link"].as_str().expect("a link");
    ids.insert("TICKET", link.rsplit('/').next().unwrap_or(link).to_owned());
    ids.insert("INVITATION", sent["id"].as_str().expect("an id").to_owned());
    ids.insert("INVITED", email);
    ids.insert("STRANGERS", made(port, &invitations, json!({"email": "stranger@example.com"})).await);
    let about = port.get(&format!("{base}/auditlogs/history/{}", ids["GROUP"])).await.json();
    ids.insert("ENTRY", about["results"][0]["number"].to_string());
    Estate { tenant, ids }
}

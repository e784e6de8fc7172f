//! What goes with a tenant when it is deleted, and what stays.

use std::collections::{BTreeMap, BTreeSet};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;
use tenantry::model::{
    ApiToken, Group, Invitation, ManagedRole, Member, Membership, Principal, RoleId, ServiceAccount, Slug,
    TokenUse, UserName,
};
use tenantry::store::{Change, Cut, Kind, Order, Record, RecordId, TakenName, UniqueName};

use crate::control::Port;
use crate::people::{Caller, bound, draw, now, role, tenant, token, user};

/// Everything that a tenant can own, and tokens that are limited to it; what must stay besides.
fn estate(of: &str, member: tenantry::model::Id) -> Vec<Change> {
    let mut changes = bound(member, of, RoleId::Managed(ManagedRole::Editor));
    let (role_id, made) = role(of, &["metrics:read"]);
    let RoleId::Custom(role_id) = role_id else { panic!("a role of its own") };
    let (group, account) = (draw(), draw());
    let machine = Principal::ServiceAccount(account);
    let (_, of_machine) = token(machine, "machine");
    let (_, limited) = token(Principal::User(member), &format!("only-{of}"));
    let (group_name, slug) = ("team".to_owned(), Slug::parse("agent").expect("a name"));
    changes.extend([
        made,
        Change::Put(
            Group {
                tenant: tenant(of),
                id: group,
                name: group_name.clone(),
                description: String::new(),
                created_at: now(),
                updated_at: now(),
            }
            .into(),
        ),
        Change::Put(
            ServiceAccount {
                id: account,
                tenant: Some(tenant(of)),
                name: slug.clone(),
                description: String::new(),
                super_admin: false,
                disabled: false,
                created_at: now(),
                updated_at: now(),
            }
            .into(),
        ),
        Change::Put(
            Member {
                tenant: tenant(of),
                principal: machine,
                groups: BTreeMap::from([(group, Membership::Owner)]),
                created_at: now(),
            }
            .into(),
        ),
        Change::Put(
            Invitation {
                tenant: tenant(of),
                id: draw(),
                email: UserName::parse("new@example.com").expect("a name"),
                roles: Vec::new(),
                groups: BTreeSet::new(),
                super_admin: false,
                invited_by: None,
                hash: None,
                sent_at: now(),
                expires_at: now(),
                accepted_at: None,
            }
            .into(),
        ),
        Change::Put(TokenUse { token: of_machine.id, at: now() }.into()),
        Change::Put(of_machine.into()),
        Change::Put(ApiToken { tenant: Some(tenant(of)), ..limited }.into()),
    ]);
    let names = [
        (UniqueName::Group(tenant(of), group_name), group),
        (UniqueName::Role(tenant(of), "role".to_owned()), role_id),
        (UniqueName::ServiceAccount(Some(tenant(of)), slug.to_string()), account),
    ];
    changes.extend(names.map(|(name, id)| Change::Put(TakenName { name, id }.into())));
    changes
}

/// All records but the audit log.
fn records(port: &Port) -> Vec<Record> {
    let kinds = Kind::ALL.iter().filter(|kind| !matches!(kind, Kind::Audit | Kind::AuditMark));
    let all = kinds.flat_map(|kind| {
        let cut = Cut {
            kind: *kind,
            within: None,
            order: Order::Ascending,
            skip: 0,
            take: usize::MAX,
            wanted: None,
        };
        port.store.page(&cut).expect("a page").items
    });
    all.map(|stored| stored.value).collect()
}

fn mention(record: &Record, word: &str) -> bool {
    record.json().expect("JSON").to_string().contains(word)
}

#[tokio::test]
async fn nothing_of_a_deleted_tenant_is_left() {
    let port = Port::start().await;
    for id in ["acme", "acme-2", "beta"] {
        assert_eq!(port.post("/api/v1/tenants", &json!({ "id": id })).await.status, 200);
    }
    let (member, mut changes) = user("ann");
    let (_, unlimited) = token(Principal::User(member), "everywhere");
    changes.push(Change::Put(unlimited.into()));
    changes.extend(["acme", "acme-2", "beta"].into_iter().flat_map(|id| estate(id, member)));
    port.commit(changes).await;
    let key = |id: &str| {
        let pem = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key").public_key_pem();
        json!({"id": id, "public_key": pem})
    };
    for of in ["/acme", "/beta", ""] {
        assert_eq!(port.post(&format!("/api/v1{of}/keys"), &key("k")).await.status, 201);
    }
    let before = records(&port);
    let acme = before.iter().filter(|record| mention(record, "\"acme\"")).count();
    assert_eq!(acme, 14, "tenant, org id, key, and all of the estate but the machine's token and its use");

    assert_eq!(port.delete("/api/v1/tenants/acme").await.status, 204);
    let after = records(&port);
    let left: Vec<RecordId> =
        after.iter().filter(|record| mention(record, "\"acme\"")).map(Record::id).collect();
    let [RecordId::Org(org)] = left.as_slice() else { panic!("{left:?}") };
    assert_eq!(org.as_str(), "acme", "the tombstone stays");
    assert_eq!(before.len() - after.len(), 15, "and the token of its machine with its use");
    let is = |record: &&Record| !mention(record, "\"acme\"") && !is_of_machine(record);
    let (kept, found) = (before.iter().filter(is).count(), after.iter().filter(is).count());
    assert_eq!(kept, found, "the others' records stay, those of acme-2 too");

    let snapshot = port.published.load();
    let tenants = snapshot.member_of.get(&member).expect("a member elsewhere");
    assert_eq!(**tenants, [tenant("acme-2"), tenant("beta")]);
    assert!(snapshot.keys.get(Some("acme"), "k").is_none() && snapshot.keys.get(Some("beta"), "k").is_some());
    assert_eq!(snapshot.tokens.len(), 5, "two of each tenant that is left, and the one without bounds");
}

fn is_of_machine(record: &Record) -> bool {
    matches!(record, Record::TokenUse(_))
        || matches!(record, Record::Token(token) if matches!(token.owner, Principal::ServiceAccount(_)))
}

#[tokio::test]
async fn a_later_tenant_of_the_same_id_inherits_nobody() {
    let port = Port::start().await;
    let make = async || assert_eq!(port.post("/api/v1/tenants", &json!({"id": "acme"})).await.status, 200);
    make().await;
    let ann = Caller::admin(&port, "ann", "acme").await;
    assert_eq!(ann.get("/api/v1/tenants/acme").await.status, 200);
    assert_eq!(port.delete("/api/v1/tenants/acme").await.status, 204);
    make().await;
    ann.get("/api/v1/tenants/acme").await.refused(404);
    assert_eq!(ann.get("/api/v1/tenants").await.json()["total"], 0);
}

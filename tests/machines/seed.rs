//! A store with people, groups and roles in it, as an earlier run of the gateway would have left it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tempfile::TempDir;
use tenantry::auth::password;
use tenantry::model::{
    ApiToken, Binding, Group, Id, ManagedRole, Member, Membership, OrgId, OrgRecord, Principal, RoleId,
    Secret, SecretHash, Slug, Subject, Tenant, TenantId, TicketKind, Timestamp, User, UserName, issue,
};
use tenantry::store::{Change, Record, Store, TakenName, UniqueName};

pub const ROOT: &str = "root";
pub const ANN: &str = "ann@example.com";
pub const RITA: &str = "rita@example.com";
/// Of all of them.
pub const PASSWORD: &str = "planted-secret-of-the-admin";

/// When all this was made; long ago.
pub fn then() -> Timestamp {
    Timestamp::from_seconds(1_600_000_000)
}

pub fn id(number: u8) -> Id {
    Id::from_random([number; 16])
}

pub fn tenant(text: &str) -> TenantId {
    TenantId::parse(text).expect("an id")
}

/// The groups of `acme`, one for each role, and one that reads and writes at the service `other` alone.
pub const GROUPS: [(&str, u8); 5] =
    [("viewer", 21), ("writer", 22), ("editor", 23), ("admin", 24), ("elsewhere", 25)];

/// A group's id, as the admin API has it.
pub fn group(name: &str) -> Value {
    let number = GROUPS.iter().find(|(group, _)| *group == name).expect("a group").1;
    json!({ "id": id(number).to_string() })
}

pub fn ticket(id: Id, seed: u8) -> (String, SecretHash) {
    let random = std::array::from_fn(|at| u8::try_from(at).expect("below 64").wrapping_mul(seed | 1));
    let (text, hash) = issue(TicketKind::ApiToken, id, random).expect("even enough");
    (text.reveal().to_owned(), hash)
}

fn user(number: u8, name: &str, hash: &str) -> User {
    User {
        id: id(number),
        name: UserName::parse(name).expect("a name"),
        first_name: String::new(),
        last_name: String::new(),
        password_hash: Some(hash.to_owned()),
        super_admin: name == ROOT,
        disabled: false,
        restricted: name == RITA,
        created_at: then(),
        updated_at: then(),
    }
}

fn users() -> Vec<Record> {
    let hash = password::hash(&Secret::new(PASSWORD.to_owned())).expect("randomness");
    let mut records = Vec::new();
    for (number, name) in [(1, ROOT), (2, ANN), (3, RITA)] {
        let user = user(number, name, &hash);
        records.push(TakenName { name: UniqueName::User(name.to_owned()), id: user.id }.into());
        records.push(user.into());
    }
    records
}

fn tenants() -> Vec<Record> {
    let mut records = Vec::new();
    for id in ["acme", "globex"].map(tenant) {
        let org_id = OrgId::nth(&id, 1);
        let org =
            OrgRecord { org_id: org_id.clone(), tenant: id.clone(), created_at: then(), deleted_at: None };
        records.extend([Tenant::new(id, org_id, then()).into(), org.into()]);
    }
    records
}

fn groups() -> Vec<Record> {
    let mut records = Vec::new();
    for (name, number) in GROUPS {
        let (role, services) = match ManagedRole::named(name) {
            Some(role) => (role, None),
            None => (ManagedRole::Editor, Some(BTreeSet::from(["other".to_owned()]))),
        };
        let (acme, group) = (tenant("acme"), id(number));
        let (name, description) = (name.to_owned(), String::new());
        records.push(
            Group {
                tenant: acme.clone(),
                id: group,
                name,
                description,
                created_at: then(),
                updated_at: then(),
            }
            .into(),
        );
        let (id, subject, role) = (id(number + 10), Subject::Group(group), RoleId::Managed(role));
        records.push(Binding { tenant: acme, id, subject, role, services, created_at: then() }.into());
    }
    records
}

/// Ann is an admin of `acme` by her group, and reads in `globex` by herself; Rita reads in `acme`.
fn members() -> Vec<Record> {
    let member = |number, at: &str, group: Option<u8>| {
        let groups = group.into_iter().map(|group| (id(group), Membership::Member)).collect();
        Member { tenant: tenant(at), principal: Principal::User(id(number)), groups, created_at: then() }
    };
    let binding = Binding {
        tenant: tenant("globex"),
        id: id(40),
        subject: Subject::User(id(2)),
        role: RoleId::Managed(ManagedRole::Viewer),
        services: None,
        created_at: then(),
    };
    let members = [member(2, "acme", Some(24)), member(2, "globex", None), member(3, "acme", Some(21))];
    members.into_iter().map(Record::from).chain([binding.into()]).collect()
}

/// A token of Ann's that ended an hour ago, and its text.
pub fn expired() -> (ApiToken, String) {
    let (text, hash) = ticket(id(51), 51);
    let token = ApiToken {
        id: id(51),
        owner: Principal::User(id(2)),
        name: Slug::parse("old").expect("a name"),
        description: String::new(),
        hash,
        created_at: Timestamp::from_seconds(Timestamp::now().seconds() - 7200),
        max_age: Some(3600),
        extended: true,
        scopes: None,
        tenant: None,
    };
    (token, text)
}

/// Everything above, in this order.
pub fn records() -> Vec<Change> {
    let all = [tenants(), users(), groups(), members(), vec![expired().0.into()]];
    all.into_iter().flatten().map(|record| Change::Put(record.into())).collect()
}

/// A directory with a store in it where the gateway's tests have theirs.
pub fn store() -> TempDir {
    let dir = TempDir::new().expect("a temporary directory");
    let store = Store::open(&dir.path().join("store")).expect("a store");
    store.commit(&[], records()).expect("a commit");
    dir
}

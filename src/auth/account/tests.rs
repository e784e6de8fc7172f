//! Verdicts about tokens against a slow reading of the raw records: members, groups, bindings, roles,
//! scopes, limits and ends, cached or not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::auth::{Basis, Cache, Denied, Reading, authenticate, permit};
use crate::model::{
    Api, ApiToken, Binding, Grants, Id, ManagedRole, Member, Membership, OrgId, Permission, Principal,
    Rights, Role, RoleId, SecretHash, Service, ServiceAccount, Slug, Subject, Tenant, TenantId, TenantState,
    TicketKind, Timeouts, Timestamp, Unlisted, User, UserName, issue,
};
use crate::snapshot::{Routes, Snapshot};
use crate::store::{Change, Record, RecordId, Recorded};

const NOW: u64 = 1_000_000;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TENANTS: [&str; 2] = ["a", "b"];
const SERVICES: [&str; 2] = ["s", "t"];
const PATTERNS: [&str; 6] = ["*", "metrics:*", "*:read", "logs:write", "BINDING:READ", "data:delete"];

fn id(number: u8) -> Id {
    Id::from_random([number; 16])
}

/// Two users and a service account.
const PRINCIPALS: [fn() -> Principal; 3] =
    [|| Principal::User(id(1)), || Principal::User(id(2)), || Principal::ServiceAccount(id(3))];
const GROUPS: [u8; 2] = [11, 12];
const ROLE: u8 = 21;

fn tenant_id(text: &str) -> TenantId {
    TenantId::parse(text).expect("an id")
}

/// A record that shows its name alone.
#[derive(Clone)]
struct Put(Box<Record>);

impl std::fmt::Debug for Put {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.json().unwrap_or_default())
    }
}

fn put(record: impl Into<Record>) -> Put {
    Put(Box::new(record.into()))
}

#[derive(Clone, Debug)]
enum Step {
    Put(Put),
    /// One of the records that are there.
    Delete(Index),
    Ask {
        token: Index,
        basic: bool,
        tenant: &'static str,
        service: usize,
        permission: Index,
        later: u64,
    },
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Unknown,
    Lacks,
    Suspended,
    Permitted(String),
}

/// The records as they are, and when tokens were used.
#[derive(Default)]
struct Raw {
    records: BTreeMap<RecordId, Record>,
    used: BTreeMap<Id, u64>,
}

impl Raw {
    fn all<T: Recorded + 'static>(&self) -> impl Iterator<Item = &T> {
        self.records.values().filter_map(T::of_record)
    }

    /// What a store would have made of a step; nothing, where `control` would have refused it.
    fn apply(&mut self, step: &Step) -> Vec<Change> {
        match step {
            Step::Put(Put(record)) => {
                let homeless = record
                    .id()
                    .tenant()
                    .is_some_and(|tenant| !self.records.contains_key(&RecordId::Tenant(tenant.clone())));
                if homeless && !matches!(**record, Record::Tenant(_)) {
                    return Vec::new();
                }
                self.records.insert(record.id(), Record::clone(record));
                vec![Change::Put(Record::clone(record).into())]
            }
            Step::Delete(index) => {
                let ids: Vec<RecordId> = self.records.keys().cloned().collect();
                if ids.is_empty() {
                    return Vec::new();
                }
                let chosen = index.get(&ids);
                let goes = |id: &RecordId| match chosen {
                    RecordId::Tenant(tenant) => id.tenant() == Some(tenant),
                    other => id == other,
                };
                let gone: Vec<RecordId> = ids.iter().filter(|id| goes(id)).cloned().collect();
                for id in &gone {
                    self.records.remove(id);
                    if let RecordId::Token(_, token) = id {
                        self.used.remove(token);
                    }
                }
                gone.into_iter().map(Change::Delete).collect()
            }
            Step::Ask { .. } => Vec::new(),
        }
    }

    fn judge(
        &mut self,
        shown: &ApiToken,
        tenant: &str,
        service: &str,
        asked: Permission,
        now: u64,
    ) -> Verdict {
        let Some(token) = self.all::<ApiToken>().find(|token| token.id == shown.id).cloned() else {
            return Verdict::Unknown;
        };
        let from = if token.extended { self.used.get(&token.id).copied() } else { None };
        let from = from.map_or(NOW, |used| used.max(NOW));
        let ended = token.max_age.is_some_and(|age| now >= from + age);
        let on = match token.owner {
            Principal::User(id) => self.all::<User>().any(|user| user.id == id && !user.disabled),
            Principal::ServiceAccount(id) => {
                self.all::<ServiceAccount>().any(|account| account.id == id && !account.disabled)
            }
        };
        let here = tenant_id(tenant);
        let member =
            self.all::<Member>().find(|member| member.tenant == here && member.principal == token.owner);
        let member = member.cloned();
        let elsewhere = token.tenant.as_ref().is_some_and(|only| *only != here);
        let (false, true, Some(member), false) = (ended, on, member, elsewhere) else {
            return Verdict::Unknown;
        };
        self.used.insert(token.id, now);
        let text = asked.to_string();
        let within = token.scopes.is_none_or(|scopes| scopes.texts().any(|scope| scope == text));
        if !within || !self.bound(&member, service, &text) {
            return Verdict::Lacks;
        }
        match self.all::<Tenant>().find(|found| found.id == here) {
            Some(found) if found.state == TenantState::Active => {
                Verdict::Permitted(found.org_id.as_str().to_owned())
            }
            _ => Verdict::Suspended,
        }
    }

    /// Whether any binding gives a member this at a service.
    fn bound(&self, member: &Member, service: &str, permission: &str) -> bool {
        let binds = |binding: &&Binding| {
            let theirs = match binding.subject {
                Subject::User(id) | Subject::ServiceAccount(id) => id == member.principal.id(),
                Subject::Group(group) => member.groups.contains_key(&group),
            };
            binding.tenant == member.tenant
                && theirs
                && binding.services.as_ref().is_none_or(|services| services.contains(service))
        };
        let gives = |binding: &Binding| match binding.role {
            RoleId::Managed(role) => role.rights().texts().any(|text| text == permission),
            RoleId::Custom(id) => self
                .all::<Role>()
                .filter(|role| role.id == id && role.tenant == binding.tenant)
                .any(|role| role.rights.texts().any(|text| text == permission)),
        };
        self.all::<Binding>().filter(binds).any(gives)
    }
}

fn at() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn tenant() -> impl Strategy<Value = TenantId> {
    select(&TENANTS[..]).prop_map(tenant_id)
}

fn principal() -> impl Strategy<Value = Principal> {
    select(&PRINCIPALS[..]).prop_map(|principal| principal())
}

fn rights() -> impl Strategy<Value = Rights> {
    subsequence(&PATTERNS[..], 0..=2).prop_map(|texts| Rights::parse(texts).expect("patterns"))
}

fn tenants() -> impl Strategy<Value = Put> {
    (tenant(), 1..3_u32, any::<bool>()).prop_map(|(id, nth, on)| {
        let org = OrgId::nth(&id, nth);
        let state = if on { TenantState::Active } else { TenantState::Suspended };
        put(Tenant { state, ..Tenant::new(id, org, at()) })
    })
}

/// Everybody there, with access to every tenant: most questions shall get past this.
fn prelude() -> impl Iterator<Item = Step> {
    let tenants = TENANTS.map(|id| put(Tenant::new(tenant_id(id), OrgId::nth(&tenant_id(id), 1), at())));
    let accounts = PRINCIPALS.map(|principal| account(principal(), false));
    let members = TENANTS.into_iter().flat_map(|id| {
        PRINCIPALS.map(|principal| {
            let (tenant, principal, groups) = (tenant_id(id), principal(), BTreeMap::new());
            put(Member { tenant, principal, groups, created_at: at() })
        })
    });
    tenants.into_iter().chain(accounts).chain(members).map(Step::Put)
}

fn accounts() -> impl Strategy<Value = Put> {
    (principal(), prop::bool::weighted(0.2)).prop_map(|(principal, disabled)| account(principal, disabled))
}

fn account(principal: Principal, disabled: bool) -> Put {
    match principal {
        Principal::User(id) => put(User {
            id,
            name: UserName::parse(&id.to_string()).expect("a name"),
            first_name: String::new(),
            last_name: String::new(),
            password_hash: None,
            super_admin: true,
            disabled,
            restricted: false,
            created_at: at(),
            updated_at: at(),
        }),
        Principal::ServiceAccount(id) => put(ServiceAccount {
            id,
            tenant: None,
            name: Slug::parse("m").expect("a name"),
            description: String::new(),
            super_admin: false,
            disabled,
            created_at: at(),
            updated_at: at(),
        }),
    }
}

fn members() -> impl Strategy<Value = Put> {
    (tenant(), principal(), subsequence(&GROUPS[..], 0..=2)).prop_map(|(tenant, principal, groups)| {
        let groups = groups.into_iter().map(|group| (id(group), Membership::Member)).collect();
        put(Member { tenant, principal, groups, created_at: at() })
    })
}

/// A binding never changes: its id says all of it.
fn bindings() -> impl Strategy<Value = Put> {
    let roles = ManagedRole::ALL.map(RoleId::Managed).into_iter().chain([RoleId::Custom(id(ROLE))]);
    let roles: Vec<RoleId> = roles.collect();
    let services: Vec<Option<&str>> = vec![None, None, Some("s"), Some("t")];
    (tenant(), 0..5_u8, 0..roles.len(), 0..services.len()).prop_map(move |(tenant, whom, role, service)| {
        let subject = match whom {
            0..3 => match PRINCIPALS[usize::from(whom)]() {
                Principal::User(id) => Subject::User(id),
                Principal::ServiceAccount(id) => Subject::ServiceAccount(id),
            },
            group => Subject::Group(id(GROUPS[usize::from(group) - 3])),
        };
        let number = u8::try_from(role * 4 + service).expect("small");
        let services = services[service].map(|name| BTreeSet::from([name.to_owned()]));
        let id = Id::from_random([30 + whom, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        put(Binding { tenant, id, subject, role: roles[role], services, created_at: at() })
    })
}

fn roles() -> impl Strategy<Value = Put> {
    (tenant(), rights()).prop_map(|(tenant, rights)| {
        let (id, name) = (id(ROLE), "custom".to_owned());
        put(Role { tenant, id, name, description: String::new(), rights, created_at: at(), updated_at: at() })
    })
}

/// What differs between tokens: owner, greatest age, whether it is extended, scopes, tenant.
type Terms = (Principal, Option<u64>, bool, Option<Rights>, Option<TenantId>);

fn terms() -> impl Strategy<Value = Terms> {
    let age = select(vec![None, None, Some(1), Some(3), Some(1000)]);
    (principal(), age, any::<bool>(), prop::option::of(rights()), prop::option::of(tenant()))
}

/// A token and its text.
fn token((number, terms): (u8, Terms)) -> (ApiToken, String) {
    let (owner, max_age, extended, scopes, tenant) = terms;
    let id = id(40 + number);
    let (text, hash) = ticket(id, number);
    let name = Slug::parse("t").expect("a name");
    let (description, created_at) = (String::new(), at());
    (ApiToken { id, owner, name, description, hash, created_at, max_age, extended, scopes, tenant }, text)
}

fn ticket(id: Id, seed: u8) -> (String, SecretHash) {
    let random = std::array::from_fn(|at| u8::try_from(at).expect("below 64").wrapping_mul(seed + 1));
    let (text, hash) = issue(TicketKind::ApiToken, id, random).expect("even enough");
    (text.reveal().to_owned(), hash)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = prop_oneof![3 => tenants(), 3 => accounts(), 4 => members(), 5 => bindings(), 2 => roles()];
    let ask = (any::<Index>(), any::<bool>(), select(&TENANTS[..]), 0..2_usize, any::<Index>(), 0..8_u64);
    let step = prop_oneof![
        8 => record.prop_map(Step::Put),
        1 => any::<Index>().prop_map(Step::Delete),
        12 => ask.prop_map(|(token, basic, tenant, service, permission, later)| {
            Step::Ask { token, basic, tenant, service, permission, later }
        }),
    ];
    prop::collection::vec(step, 1..80)
}

fn routes() -> Arc<Routes> {
    let service = |name: &str| Service {
        name: name.to_owned(),
        rules: Vec::new(),
        upstreams: Vec::new(),
        tenant_header: "x-scope-orgid".to_owned(),
        api: Api::ReadWrite,
        unlisted: Unlisted::Deny,
        timeouts: Timeouts::default(),
    };
    Arc::new(Routes::new(&SERVICES.map(service)))
}

/// What the gateway decides, and notes as its data plane does.
fn verdict(
    snapshot: &Snapshot,
    cache: &mut Cache,
    credential: &str,
    (tenant, service): (&str, &str),
    asked: Permission,
    now: Timestamp,
) -> Verdict {
    let reading = authenticate(snapshot, cache, credential.as_bytes(), tenant, HERE, now);
    let Ok(Reading::Known(identity)) = reading else { return Verdict::Unknown };
    if let Basis::Token { token, .. } = &identity.basis {
        token.note(now);
    }
    let service = snapshot.routes.services().iter().find(|known| &*known.name == service).expect("a service");
    match permit(snapshot, identity, service, asked) {
        Ok(permit) => Verdict::Permitted(permit.tenant().org_id.as_str().to_owned()),
        Err(Denied::Lacks(_)) => Verdict::Lacks,
        Err(Denied::Suspended) => Verdict::Suspended,
        Err(Denied::UnknownTenant) => unreachable!("who has access to a tenant knows it"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn tokens_can_do_what_the_raw_records_say(
        terms in prop::collection::vec(terms(), 1..4), steps in steps(),
    ) {
        let tokens: Vec<_> = (0..).zip(terms).map(token).collect();
        let permissions: Vec<Permission> = Grants::ALL.iter().collect();
        let (mut raw, mut cache) = (Raw::default(), Cache::new(16).expect("randomness"));
        let (mut snapshot, mut clock) = (Snapshot::new(routes(), 0, []), NOW);
        let first = tokens.iter().map(|(token, _)| Step::Put(put(token.clone())));
        for step in prelude().chain(first).chain(steps) {
            let changes = raw.apply(&step);
            if !changes.is_empty() {
                snapshot = snapshot.after(snapshot.revision + 1, &changes);
            }
            let Step::Ask { token, basic, tenant, service, permission, later } = step else { continue };
            clock += later / 4;
            let ((token, text), permission) = (token.get(&tokens), *permission.get(&permissions));
            let credential = match basic {
                true => format!("Basic {}", STANDARD.encode(format!("{tenant}:{text}"))),
                false => format!("Bearer {text}"),
            };
            let place = (tenant, SERVICES[service]);
            let expected = raw.judge(token, tenant, place.1, permission, clock);
            for _ in 0..2 {
                let now = Timestamp::from_seconds(clock);
                let decided = verdict(&snapshot, &mut cache, &credential, place, permission, now);
                prop_assert_eq!(&decided, &expected, "{:?} of {:?} at {:?}", permission, token.id, place);
            }
        }
    }
}

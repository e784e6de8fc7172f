//! Service accounts with tokens, ten each, each account in a tenant of its own and bound to a role
//! there: made as the gateway makes them, from records.

use std::collections::BTreeMap;
use std::sync::Arc;

use tenantry::model::{
    ApiToken, Binding, Id, ManagedRole, Member, OrgId, Principal, RoleId, SecretHash, ServiceAccount, Slug,
    Subject, Tenant, TenantId, TicketKind, Timestamp, issue,
};
use tenantry::snapshot::{Routes, Snapshot};
use tenantry::store::Record;

/// The second (Unix) at which all of this takes place.
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const TOKENS_EACH: usize = 10;

/// A token as it is sent, and whereto.
pub struct Shown {
    pub credential: String,
    pub tenant: String,
}

/// That many tokens, and some of them, evenly spread.
pub fn snapshot(tokens: usize, shown: usize) -> (Snapshot, Vec<Shown>) {
    let mut snapshot = Snapshot::empty(Arc::new(Routes::new(&[])));
    let mut put = |record: Record| snapshot.put(record, 1);
    (0..tokens.div_ceil(TOKENS_EACH)).flat_map(machine).for_each(&mut put);
    let mut all = Vec::with_capacity(shown);
    for number in 0..tokens {
        let (token, text) = token(number);
        put(token.into());
        if number % (tokens / shown) == 0 {
            let (credential, tenant) = (format!("Bearer {text}"), tenant(number / TOKENS_EACH).into());
            all.push(Shown { credential, tenant });
        }
    }
    snapshot.revision = 1;
    (snapshot, all)
}

/// Spread as drawn ids are.
fn id(space: u64, number: usize) -> Id {
    let number = number as u64;
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.rotate_left(32);
    Id::from_random((u128::from(mixed) << 64 | u128::from(space << 48 | number)).to_be_bytes())
}

fn tenant(number: usize) -> TenantId {
    TenantId::parse(&format!("t-{number}")).expect("a good id")
}

fn machine(number: usize) -> [Record; 4] {
    let (here, account) = (tenant(number), id(1, number));
    let principal = Principal::ServiceAccount(account);
    [
        Tenant::new(here.clone(), OrgId::nth(&here, 1), NOW).into(),
        ServiceAccount {
            id: account,
            tenant: Some(here.clone()),
            name: Slug::parse("agent").expect("a name"),
            description: String::new(),
            super_admin: false,
            disabled: false,
            created_at: NOW,
            updated_at: NOW,
        }
        .into(),
        Member { tenant: here.clone(), principal, groups: BTreeMap::new(), created_at: NOW }.into(),
        Binding {
            tenant: here,
            id: id(2, number),
            subject: Subject::ServiceAccount(account),
            role: RoleId::Managed(ManagedRole::Writer),
            services: None,
            created_at: NOW,
        }
        .into(),
    ]
}

fn token(number: usize) -> (ApiToken, String) {
    let id = id(3, number);
    let (text, hash) = ticket(id, number);
    let token = ApiToken {
        id,
        owner: Principal::ServiceAccount(self::id(1, number / TOKENS_EACH)),
        name: Slug::parse(&format!("t-{}", number % TOKENS_EACH)).expect("a name"),
        description: String::new(),
        hash,
        created_at: NOW,
        max_age: None,
        extended: false,
        scopes: None,
        tenant: None,
    };
    (token, text)
}

fn ticket(id: Id, number: usize) -> (String, SecretHash) {
    let seed = number.to_le_bytes();
    let random =
        std::array::from_fn(|at| u8::try_from(at).expect("below 64").wrapping_mul(37) ^ seed[at % 8]);
    let (text, hash) = issue(TicketKind::ApiToken, id, random).expect("even enough");
    (text.reveal().to_owned(), hash)
}

//! The audit log's end: what a commit changes becomes entries, each the next link of the chain, and
//! each marked as its tenant's. Knows which parts of a record nobody may read.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Authority, Fault};
use crate::model::{
    AuditEntry, AuditMark, Deed, Incident, IssuerKeys, OrgId, Outcome, Place, Tenant, TenantId, Timestamp,
};
use crate::snapshot::Snapshot;
use crate::store::{Change, Expect, Kind, Order, Record, RecordId, Recorded, Store, StoreError};

/// The last entry that was written.
#[derive(Clone)]
pub(super) struct Chain {
    number: u64,
    hash: String,
    at: Timestamp,
}

/// What must hold for entries to be written, what writes them, and the chain with them at its end.
type Appended = (Vec<(RecordId, Expect)>, Vec<Change>, Chain);

/// How far the clock may be behind the last entry, in milliseconds, for an entry to get that one's
/// time: writes read the clock before they have their turn. A clock that was set back is believed.
const BEHIND: u64 = 60_000;

/// How many of an issuer's keys an entry names.
const TOLD_KEYS: usize = 20;

/// Fields of records that are secrets, or as good as one.
const SECRET: [&str; 2] = ["password_hash", "hash"];

/// Entries on their way to the end of the chain.
struct Append<'a> {
    store: &'a Store,
    changes: &'a [Change],
    end: Chain,
    /// The last place of each tenant that there is.
    places: HashMap<TenantId, Option<Place>>,
}

impl Chain {
    /// Reads the end of the log.
    pub(super) fn read(store: &Store) -> Result<Self, StoreError> {
        let all = (&RecordId::Audit(0), &RecordId::Audit(u64::MAX));
        let last = store.span::<AuditEntry>(all, Order::Descending, 1)?.pop();
        Ok(match last {
            Some(entry) => Chain { number: entry.value.number, hash: entry.value.hash, at: entry.value.at },
            None => Chain { number: 0, hash: AuditEntry::NOTHING.to_owned(), at: Timestamp::from_seconds(0) },
        })
    }

    /// What writes `entries` after the last one, in a commit that makes `changes`, and the chain with
    /// them at its end.
    pub(super) fn append(
        &self,
        store: &Store,
        changes: &[Change],
        entries: &[AuditEntry],
    ) -> Result<Appended, StoreError> {
        let mut append = Append { store, changes, end: self.clone(), places: HashMap::new() };
        let (mut expect, mut written) = (Vec::new(), Vec::new());
        for entry in entries {
            let (entry, mark) = append.link(entry.clone())?;
            expect.push((entry.record_id(), Expect::Absent));
            written.push(Change::Put(entry.into()));
            if let Some(mark) = mark {
                expect.push((mark.record_id(), Expect::Absent));
                written.push(Change::Put(mark.into()));
            }
        }
        Ok((expect, written, append.end))
    }
}

impl Append<'_> {
    /// The next entry of the chain, whose end it becomes.
    fn link(&mut self, entry: AuditEntry) -> Result<(AuditEntry, Option<AuditMark>), StoreError> {
        let place = entry.tenant.clone().map_or(Ok(None), |tenant| self.place(tenant))?;
        let late = entry.at < self.end.at && self.end.at.millis() - entry.at.millis() <= BEHIND;
        let entry = AuditEntry {
            number: self.end.number + 1,
            at: if late { self.end.at } else { entry.at },
            place: place.clone(),
            previous: std::mem::take(&mut self.end.hash),
            ..entry
        }
        .sealed();
        self.end = Chain { number: entry.number, hash: entry.hash.clone(), at: entry.at };
        let mark = place.map(|place| AuditMark { place, number: entry.number });
        Ok((entry, mark))
    }

    /// The next place of a tenant; none when there is no such tenant.
    fn place(&mut self, tenant: TenantId) -> Result<Option<Place>, StoreError> {
        let last = match self.places.get(&tenant) {
            Some(last) => last.clone(),
            None => self.last_place(&tenant)?,
        };
        let next = last.map(|last| Place { nth: last.nth + 1, ..last });
        self.places.insert(tenant, next.clone());
        Ok(next)
    }

    fn last_place(&self, tenant: &TenantId) -> Result<Option<Place>, StoreError> {
        let made = self.changes.iter().find_map(|change| match change {
            Change::Put(record) => Tenant::of_record(record).filter(|made| made.id == *tenant),
            Change::Delete(_) => None,
        });
        let made = made.map(|made| made.org_id.clone());
        let org_id = match made {
            Some(org_id) => Some(org_id),
            None => {
                let found = self.store.find::<Tenant>(&RecordId::Tenant(tenant.clone()))?;
                found.map(|found| found.value.org_id)
            }
        };
        org_id.map(|org_id| last_place(self.store, org_id)).transpose()
    }
}

/// The last place that an entry of a tenant stands at; the one before the first when there is none.
fn last_place(store: &Store, org_id: OrgId) -> Result<Place, StoreError> {
    let place = |nth| Place { org_id: org_id.clone(), nth };
    let all = (&RecordId::AuditMark(place(0)), &RecordId::AuditMark(place(u64::MAX)));
    let last = store.span::<AuditMark>(all, Order::Descending, 1)?.pop();
    Ok(last.map_or(place(0), |mark| mark.value.place))
}

/// The entries that tell of `changes`.
pub(super) fn told(
    store: &Store,
    snapshot: &Snapshot,
    authority: &Authority,
    changes: &[Change],
    now: Timestamp,
) -> Result<Vec<AuditEntry>, Fault> {
    let mut entries = Vec::with_capacity(changes.len());
    for change in changes.iter().filter(|change| is_told(change.id().kind())) {
        let id = change.id();
        let before = store.get(&id)?.map(|stored| stored.value);
        let after = match change {
            Change::Put(record) => Some(record.as_ref()),
            Change::Delete(_) => None,
        };
        let deed = match (&before, after) {
            (None, Some(_)) => Deed::Create,
            (Some(_), Some(_)) => Deed::Update,
            (Some(_), None) => Deed::Delete,
            (None, None) => continue,
        };
        let tenant = after.or(before.as_ref()).and_then(|record| tenant_of(snapshot, record));
        let (before, after) = (before.as_ref().map(public).transpose()?, after.map(public).transpose()?);
        entries.push(AuditEntry { tenant, before, after, ..entry(authority, deed, &id, now) });
    }
    Ok(entries)
}

/// An entry without a place in the chain yet.
pub(super) fn entry(authority: &Authority, deed: Deed, id: &RecordId, now: Timestamp) -> AuditEntry {
    let key = id.key();
    let own = key.split_once('/').map_or(key.as_ref(), |(_, own)| own);
    AuditEntry {
        number: 0,
        at: now,
        actor: authority.actor().clone(),
        request_id: authority.request_id().to_owned(),
        deed,
        resource: id.kind().table().to_owned(),
        id: own.to_owned(),
        tenant: id.tenant().cloned(),
        place: None,
        before: None,
        after: None,
        outcome: Outcome::Done,
        detail: String::new(),
        previous: String::new(),
        hash: String::new(),
    }
}

/// The entry about something that was refused, without a place in the chain yet.
pub(super) fn refused(incident: Incident, times: u64) -> AuditEntry {
    let Incident { at, actor, request_id, deed, resource, id, tenant, reason } = incident;
    let detail = if times > 1 { format!("{reason} ({times} times)") } else { reason };
    AuditEntry {
        number: 0,
        at,
        actor,
        request_id,
        deed,
        resource,
        id,
        tenant,
        place: None,
        before: None,
        after: None,
        outcome: Outcome::Refused,
        detail,
        previous: String::new(),
        hash: String::new(),
    }
}

/// Whether changes of such records are told of. The others follow from these, or are the log.
const fn is_told(kind: Kind) -> bool {
    match kind {
        Kind::Tenant
        | Kind::Key
        | Kind::Issuer
        | Kind::IssuerKeys
        | Kind::User
        | Kind::ServiceAccount
        | Kind::Role
        | Kind::Group
        | Kind::Member
        | Kind::Binding
        | Kind::Token
        | Kind::Invitation
        | Kind::Session => true,
        Kind::Org | Kind::TokenUse | Kind::InvitationPlace | Kind::Name | Kind::Audit | Kind::AuditMark => {
            false
        }
    }
}

/// The tenant whose log tells of a record: its own; of a token the one to which it is limited, or
/// whose service account has it.
fn tenant_of(snapshot: &Snapshot, record: &Record) -> Option<TenantId> {
    let Record::Token(token) = record else { return record.id().tenant().cloned() };
    let home = || snapshot.accounts.get(&token.owner.id())?.home.clone();
    token.tenant.clone().or_else(home)
}

/// A record without what nobody may read. Of an issuer's keys, which may change with each fetch, only
/// ids are told, and no more than a few: others decide what they publish.
fn public(record: &Record) -> Result<Value, Fault> {
    if let Record::IssuerKeys(IssuerKeys { issuer, keys, .. }) = record {
        let named: Vec<&str> = keys.iter().take(TOLD_KEYS).map(|key| key.id.as_str()).collect();
        return Ok(json!({ "issuer": issuer, "keys": named, "count": keys.len() }));
    }
    let mut json = record.json().map_err(|error| StoreError::Backend(error.to_string()))?;
    if let Some(fields) = json.as_object_mut() {
        for secret in SECRET {
            fields.remove(secret);
        }
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ApiToken, Id, Invitation, Principal, SecretHash, Session, Slug, TicketKind, User, UserName, issue,
    };

    const PLANTED: &str = "$argon2id$planted";

    fn hash() -> SecretHash {
        let random = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
        issue(TicketKind::ApiToken, Id::from_random([1; 16]), random).expect("even enough").1
    }

    fn user(id: Id, at: Timestamp) -> User {
        User {
            id,
            name: UserName::parse("ann@example.com").expect("a name"),
            first_name: String::new(),
            last_name: String::new(),
            password_hash: Some(PLANTED.to_owned()),
            super_admin: false,
            disabled: false,
            restricted: false,
            created_at: at,
            updated_at: at,
        }
    }

    /// A record with every secret that its kind can have; none for a kind that has none.
    fn planted(kind: Kind) -> Option<Record> {
        let (id, at) = (Id::from_random([1; 16]), Timestamp::from_seconds(1));
        Some(match kind {
            Kind::User => Record::User(user(id, at)),
            Kind::Token => Record::Token(ApiToken {
                id,
                owner: Principal::User(id),
                name: Slug::parse("ci").expect("a name"),
                description: String::new(),
                hash: hash(),
                created_at: at,
                max_age: None,
                extended: false,
                scopes: None,
                tenant: None,
            }),
            Kind::Session => {
                Record::Session(Session { id, user: id, hash: hash(), created_at: at, expires_at: at })
            }
            Kind::Invitation => Record::Invitation(Invitation {
                tenant: TenantId::parse("acme").expect("an id"),
                id,
                email: user(id, at).name,
                roles: Vec::new(),
                groups: std::collections::BTreeSet::new(),
                super_admin: false,
                invited_by: None,
                hash: Some(hash()),
                sent_at: at,
                expires_at: at,
                accepted_at: None,
            }),
            Kind::Tenant
            | Kind::Org
            | Kind::Key
            | Kind::Issuer
            | Kind::IssuerKeys
            | Kind::ServiceAccount
            | Kind::Role
            | Kind::Group
            | Kind::Member
            | Kind::Binding
            | Kind::TokenUse
            | Kind::InvitationPlace
            | Kind::Name
            | Kind::Audit
            | Kind::AuditMark => return None,
        })
    }

    #[test]
    fn no_secret_of_any_kind_is_told() {
        let secrets = [PLANTED.to_owned(), hash().to_string()];
        let mut seen = 0;
        for record in Kind::ALL.iter().filter_map(|kind| planted(*kind)) {
            let whole = record.json().expect("JSON").to_string();
            assert!(secrets.iter().any(|secret| whole.contains(secret)), "nothing to hide: {whole}");
            let told = public(&record).expect("JSON").to_string();
            assert!(!secrets.iter().any(|secret| told.contains(secret)), "{told}");
            assert!(is_told(record.id().kind()));
            seen += 1;
        }
        assert_eq!(seen, 4);
    }

    #[test]
    fn a_clock_that_is_a_little_behind_does_not_turn_time_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).expect("a store");
        let at = |seconds| AuditEntry {
            at: Timestamp::from_seconds(seconds),
            ..entry(&Authority::system(), Deed::Update, &RecordId::Audit(1), Timestamp::from_seconds(0))
        };
        let entries = [1_000, 999, 941, 940, 939, 5_000, 1_000].map(at);
        let chain = Chain::read(&store).expect("an empty log");
        let (_, written, _) = chain.append(&store, &[], &entries).expect("entries");
        let times: Vec<u64> = written
            .iter()
            .map(|change| match change {
                Change::Put(record) => AuditEntry::of_record(record).map_or(0, |entry| entry.at.seconds()),
                Change::Delete(_) => 0,
            })
            .collect();
        assert_eq!(
            times,
            [1_000, 1_000, 1_000, 1_000, 939, 5_000, 1_000],
            "one that was set back is believed"
        );
    }
}

//! Records and routes in, snapshot out: from scratch, or from the snapshot before and the changes
//! since. Both ways give the same (a property test holds it).

use std::sync::Arc;

use http::HeaderValue;

use super::shards::Shards;
use super::{Account, Key, Keys, Routes, Snapshot, Tenant, Token, options};
use crate::model::{self, Id, Member, Principal, TenantId};
use crate::store::{Change, Record, RecordId, Revision, Stored};

impl Snapshot {
    /// Nothing but routes.
    pub fn empty(routes: Arc<Routes>) -> Self {
        Snapshot {
            revision: 0,
            generation: 0,
            routes,
            tenants: Shards::default(),
            departures: 0,
            keys: Keys::default(),
            accounts: Shards::default(),
            users: Shards::default(),
            tokens: Shards::default(),
            member_of: Shards::default(),
        }
    }

    /// Compiles everything.
    pub fn new(
        routes: Arc<Routes>,
        revision: Revision,
        records: impl IntoIterator<Item = Stored<Record>>,
    ) -> Self {
        let mut snapshot = Snapshot::empty(routes);
        records.into_iter().for_each(|stored| snapshot.put(stored.value, stored.version));
        snapshot.revision = revision;
        snapshot
    }

    /// Compiles what changed; shares the rest with `self`.
    #[must_use]
    pub fn after(&self, revision: Revision, changes: &[Change]) -> Self {
        let mut next = self.clone();
        next.revision = revision;
        // First, so that what goes with a tenant is not taken out of it piece by piece.
        for change in changes {
            if let Change::Delete(RecordId::Tenant(id)) = change {
                next.tenants.remove(id.as_str());
            }
        }
        for change in changes {
            match change {
                Change::Put(record) => next.put(Record::clone(record), revision),
                Change::Delete(id) => next.delete(id),
            }
        }
        next
    }

    /// The same records under other routes.
    #[must_use]
    pub fn with_routes(&self, routes: Arc<Routes>) -> Self {
        Snapshot { routes, ..self.clone() }
    }

    /// Takes in one record. The tenant comes before what belongs to it.
    pub fn put(&mut self, record: Record, version: Revision) {
        match record {
            Record::Tenant(tenant) => self.put_tenant(tenant),
            Record::Key(key) => self.put_key(key),
            Record::Issuer(issuer) => self.keys.put_issuer(issuer, version),
            Record::IssuerKeys(keys) => self.keys.put_issuer_keys(keys),
            Record::User(user) => self.put_account(Account::user(&user, version)),
            Record::ServiceAccount(account) => self.put_account(Account::machine(&account, version)),
            Record::Role(role) => self.tenants.change(role.tenant.as_str(), |t| t.access.put_role(&role)),
            Record::Member(member) => self.put_member(&member),
            Record::Binding(binding) => {
                self.tenants.change(binding.tenant.as_str(), |tenant| tenant.access.put_binding(&binding));
            }
            Record::Token(token) => {
                let id = token.id;
                let token = Token::new(token, self.tokens.get(&id).map(Arc::as_ref));
                self.tokens.insert(id, Arc::new(token));
            }
            Record::TokenUse(used) => {
                if let Some(token) = self.tokens.get(&used.token) {
                    token.used(used);
                }
                return;
            }
            // Nothing is decided upon these.
            Record::Org(_)
            | Record::Group(_)
            | Record::Invitation(_)
            | Record::InvitationPlace(_)
            | Record::Session(_)
            | Record::Name(_)
            | Record::Audit(_)
            | Record::AuditMark(_) => return,
        }
        self.generation += 1;
    }

    fn put_tenant(&mut self, record: model::Tenant) {
        let id = record.id.as_str();
        match HeaderValue::from_str(record.org_id.as_str()) {
            Ok(header) => {
                let before = self.tenants.get(id);
                let options = options::compile(record.options, before.map_or(&[], |before| &before.options));
                let access = before.map(|before| before.access.clone()).unwrap_or_default();
                let (org_id, state) = (record.org_id, record.state);
                // All versions share the text of their id: counters are found by its address.
                let id = before.map_or(record.id, |before| before.id.clone());
                let tenant = Tenant { id, org_id, header, state, access, options };
                self.tenants.insert(tenant.id.clone(), Arc::new(tenant));
            }
            Err(_) => {
                tracing::error!(tenant = %record.id, "org id is no header value; the tenant is refused");
                self.drop_tenant(id);
            }
        }
    }

    fn drop_tenant(&mut self, id: &str) {
        self.departures += u64::from(self.tenants.remove(id).is_some());
    }

    fn put_key(&mut self, record: model::TrustedKey) {
        let (owner, id) = (record.owner.clone(), record.id.clone());
        match Key::new(record) {
            Ok(key) => self.keys.insert(Arc::new(key)),
            Err(error) => {
                tracing::error!(key = %id, %error, "key cannot be used; its tokens are refused");
                self.keys.remove(owner.as_ref(), &id);
            }
        }
    }

    fn put_account(&mut self, account: Account) {
        let id = account.principal.id();
        self.drop_account(id);
        let account = Arc::new(account);
        if matches!(account.principal, Principal::User(_)) {
            self.users.insert(account.name.clone(), account.clone());
        }
        self.accounts.insert(id, account);
    }

    fn drop_account(&mut self, id: Id) {
        if let Some(before) = self.accounts.remove(&id)
            && matches!(before.principal, Principal::User(_))
        {
            self.users.remove(before.name.as_ref());
        }
    }

    fn put_member(&mut self, member: &Member) {
        let (tenant, id) = (&member.tenant, member.principal.id());
        self.tenants.change(tenant.as_str(), |tenant| tenant.access.put_member(member));
        if self.member_of.get(&id).is_none() {
            self.member_of.insert(id, Arc::default());
        }
        self.member_of.change(&id, |tenants| {
            if let Err(at) = tenants.binary_search(tenant) {
                tenants.insert(at, tenant.clone());
            }
        });
    }

    fn drop_member(&mut self, tenant: &TenantId, id: Id) {
        self.tenants.change(tenant.as_str(), |tenant| tenant.access.drop_member(id));
        self.member_of.change(&id, |tenants| tenants.retain(|other| other != tenant));
        if self.member_of.get(&id).is_some_and(|tenants| tenants.is_empty()) {
            self.member_of.remove(&id);
        }
    }

    fn delete(&mut self, id: &RecordId) {
        match id {
            RecordId::Tenant(id) => self.drop_tenant(id.as_str()),
            RecordId::Key(owner, id) => self.keys.remove(owner.as_ref(), id),
            RecordId::Issuer(owner, id) => self.keys.remove_issuer(owner.as_ref(), id),
            RecordId::IssuerKeys(owner, id) => self.keys.remove_issuer_keys(owner.as_ref(), id),
            RecordId::User(id) | RecordId::ServiceAccount(_, id) => self.drop_account(*id),
            RecordId::Role(tenant, id) => {
                self.tenants.change(tenant.as_str(), |tenant| tenant.access.drop_role(*id));
            }
            RecordId::Member(tenant, principal) => self.drop_member(tenant, principal.id()),
            RecordId::Binding(tenant, id) => {
                self.tenants.change(tenant.as_str(), |tenant| tenant.access.drop_binding(*id));
            }
            RecordId::Token(_, id) => drop(self.tokens.remove(id)),
            RecordId::Org(_)
            | RecordId::Group(..)
            | RecordId::TokenUse(_)
            | RecordId::Invitation(..)
            | RecordId::InvitationPlace(_)
            | RecordId::Session(_)
            | RecordId::Name(_)
            | RecordId::Audit(_)
            | RecordId::AuditMark(_) => return,
        }
        self.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::OnceLock;

    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{
        Algorithm, Grants, KeyId, OrgId, PublicKey, TenantClaim, TenantId, TenantScope, Timestamp, TrustedKey,
    };

    const TENANTS: [&str; 4] = ["a", "b", "c", "d"];
    const KEYS: [&str; 4] = ["k1", "k2", "k3", "k4"];

    fn public() -> PublicKey {
        static KEY: OnceLock<PublicKey> = OnceLock::new();
        let make = || {
            let pair = Ed25519KeyPair::generate().expect("randomness");
            let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
            let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
            PublicKey::read(&jwk).expect("a key").key
        };
        KEY.get_or_init(make).clone()
    }

    fn tenant_id() -> impl Strategy<Value = TenantId> {
        prop::sample::select(&TENANTS[..]).prop_map(|id| TenantId::parse(id).expect("an id"))
    }

    fn key_id() -> impl Strategy<Value = KeyId> {
        prop::sample::select(&KEYS[..]).prop_map(|id| KeyId::parse(id).expect("an id"))
    }

    /// A [`Change`] that can be shown.
    #[derive(Clone, Debug)]
    enum Step {
        PutTenant(model::Tenant),
        PutKey(TrustedKey),
        DeleteTenant(TenantId),
        DeleteKey(KeyId),
    }

    impl From<Step> for Change {
        fn from(step: Step) -> Change {
            match step {
                Step::PutTenant(tenant) => Change::Put(tenant.into()),
                Step::PutKey(key) => Change::Put(key.into()),
                Step::DeleteTenant(id) => Change::Delete(RecordId::Tenant(id)),
                Step::DeleteKey(id) => Change::Delete(RecordId::Key(None, id)),
            }
        }
    }

    fn tenant() -> impl Strategy<Value = model::Tenant> {
        (tenant_id(), 1..4_u32, "[a-z]{0,3}").prop_map(|(id, nth, name)| {
            let (org_id, at) = (OrgId::nth(&id, nth), Timestamp::from_seconds(0));
            model::Tenant { name, ..model::Tenant::new(id, org_id, at) }
        })
    }

    fn key() -> impl Strategy<Value = TrustedKey> {
        let scope = prop::option::of(prop::collection::btree_set(tenant_id(), 0..3));
        // One algorithm in four does not fit the key, which then cannot be used.
        let algorithm = prop::sample::select(vec![
            Algorithm::EdDSA,
            Algorithm::EdDSA,
            Algorithm::EdDSA,
            Algorithm::ES256,
        ]);
        (key_id(), scope, algorithm, 0..3_u8, any::<bool>()).prop_map(
            |(id, scope, algorithm, leeway, fallback)| TrustedKey {
                id,
                owner: None,
                algorithm,
                public: public(),
                tenants: scope.map_or(TenantScope::All, TenantScope::Only),
                claim: TenantClaim::default(),
                issuer: None,
                audience: None,
                require_exp: true,
                leeway,
                fallback,
                grants: Grants::ALL,
                role: None,
                scopes_claim: None,
                description: String::new(),
                created_at: Timestamp::from_seconds(0),
            },
        )
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => tenant().prop_map(Step::PutTenant),
            2 => key().prop_map(Step::PutKey),
            1 => tenant_id().prop_map(Step::DeleteTenant),
            1 => key_id().prop_map(Step::DeleteKey),
        ]
    }

    type View = (Revision, [usize; 2], Vec<Option<Tenant>>, Vec<Option<TrustedKey>>, Option<KeyId>);

    fn copy(tenant: &Tenant) -> Tenant {
        tenant.clone()
    }

    /// All that can be seen of a snapshot.
    fn view(snapshot: &Snapshot) -> View {
        (
            snapshot.revision,
            [snapshot.tenants.len(), snapshot.keys.len()],
            TENANTS.map(|id| snapshot.tenants.get(id).map(|tenant| copy(tenant))).into(),
            KEYS.map(|id| snapshot.keys.get(None, id).map(|key| key.record.clone())).into(),
            snapshot.keys.fallback().map(|key| key.record.id.clone()),
        )
    }

    proptest! {
        #[test]
        fn changes_lead_where_compiling_from_scratch_leads(
            commits in prop::collection::vec(prop::collection::vec(step(), 0..4), 0..12),
        ) {
            let routes = Arc::new(Routes::new(&[]));
            let mut records = BTreeMap::new();
            let mut snapshot = Snapshot::new(routes.clone(), 0, []);
            for (revision, steps) in (1..).zip(commits) {
                let changes: Vec<Change> = steps.into_iter().map(Change::from).collect();
                for change in &changes {
                    match change {
                        Change::Put(record) => drop(records.insert(record.id(), Record::clone(record))),
                        Change::Delete(id) => drop(records.remove(id)),
                    }
                }
                let next = snapshot.after(revision, &changes);
                let stored = records.values().cloned().map(|value| Stored { version: revision, value });
                prop_assert_eq!(view(&next), view(&Snapshot::new(routes.clone(), revision, stored)));
                // What was not touched is the very same: cached verdicts live by that.
                let touched: Vec<RecordId> = changes.iter().map(Change::id).collect();
                let keys_touched = touched.iter().any(|id| matches!(id, RecordId::Key(..)));
                prop_assert_eq!(next.keys.generation() != snapshot.keys.generation(), keys_touched);
                for id in KEYS {
                    let named = RecordId::Key(None, KeyId::parse(id).expect("an id"));
                    if let (Some(before), Some(after)) = (snapshot.keys.get(None, id), next.keys.get(None, id)) {
                        prop_assert_eq!(Arc::ptr_eq(before, after), !touched.contains(&named));
                    }
                }
                snapshot = next;
            }
        }
    }
}

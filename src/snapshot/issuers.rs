//! Issuers as decided upon: found by the name that tokens give, each with its keys of the moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::Key;
use crate::model::{self, HeldKey, IssuerKeys, Slug, TenantId, Timestamp};
use crate::store::Revision;

/// An issuer and what is held of its keys.
pub struct Issuer {
    pub record: model::Issuer,
    /// The commit that last wrote the record.
    pub version: Revision,
    held: Option<IssuerKeys>,
    /// In the order of their ids.
    keys: Vec<Arc<Key>>,
    /// A token has named a key that is not among these. Shared by all states that hold the issuer,
    /// and written by the data plane.
    missed: Arc<AtomicBool>,
}

/// All issuers of one state.
#[derive(Clone, Default)]
pub struct Issuers {
    /// By owner and id.
    by_id: Arc<BTreeMap<IssuerName, Arc<Issuer>>>,
    /// The ids by owner and `iss`. `control` allows one; were there more, none of them would count.
    by_claim: Arc<BTreeMap<String, Vec<IssuerName>>>,
    /// Rings for whoever fetches keys.
    bell: Arc<Notify>,
    /// Changes whenever any issuer does.
    generation: u64,
}

/// Owner and id of an issuer.
pub type IssuerName = (Option<TenantId>, Slug);

impl Issuer {
    pub fn key(&self, id: &str) -> Option<&Arc<Key>> {
        let at = self.keys.binary_search_by(|key| key.record.id.as_str().cmp(id)).ok()?;
        Some(&self.keys[at])
    }

    pub fn name(&self) -> IssuerName {
        (self.record.owner.clone(), self.record.id.clone())
    }

    /// The keys that are held, in no order.
    pub fn held(&self) -> &[HeldKey] {
        self.held.as_ref().map_or(&[], |held| &held.keys)
    }

    /// When they were last found to have changed; none when none ever were fetched.
    pub fn fetched_at(&self) -> Option<Timestamp> {
        self.held.as_ref().map(|held| held.fetched_at)
    }

    /// Whether a token has named a key that is not here.
    pub fn is_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }

    /// Takes the misses as seen to.
    pub fn seen_to(&self) {
        self.missed.store(false, Ordering::Relaxed);
    }

    /// Keys that stay as they are stay the very same: cached verdicts live by that.
    fn compile(
        record: model::Issuer,
        version: Revision,
        held: Option<IssuerKeys>,
        before: Option<&Issuer>,
    ) -> Self {
        let mut keys = Vec::new();
        for key in held.iter().flat_map(|held| &held.keys) {
            let same = |old: &&Arc<Key>| old.until == key.until && old.record == record.trusted(key);
            match before.and_then(|before| before.key(key.id.as_str())).filter(same) {
                Some(same) => keys.push(same.clone()),
                None => match Key::issued(&record, key) {
                    Ok(key) => keys.push(Arc::new(key)),
                    Err(error) => {
                        let (issuer, key) = (record.id.as_str(), key.id.as_str());
                        tracing::error!(issuer, key, %error, "key cannot be used; its tokens are refused");
                    }
                },
            }
        }
        keys.sort_by(|a, b| a.record.id.cmp(&b.record.id));
        let missed = before.map(|before| before.missed.clone()).unwrap_or_default();
        Issuer { record, version, held, keys, missed }
    }
}

impl Issuers {
    pub fn get(&self, owner: Option<&TenantId>, id: &Slug) -> Option<&Arc<Issuer>> {
        self.by_id.get(&(owner.cloned(), id.clone()))
    }

    /// The issuer of an owner whose tokens have this `iss`.
    pub fn named(&self, owner: Option<&str>, issuer: &str) -> Option<&Arc<Issuer>> {
        match self.by_claim.get(claim(owner, issuer).as_str())?.as_slice() {
            [only] => self.by_id.get(only),
            _ => None,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.by_id.values()
    }

    /// Those of a tenant, or of the instance when none.
    pub fn of(&self, owner: Option<&TenantId>) -> impl Iterator<Item = &Arc<Issuer>> {
        self.iter().filter(move |issuer| issuer.record.owner.as_ref() == owner)
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Rings when some issuer's key is missed. There is one listener.
    pub fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    /// Notes that a key is missed. Costs nothing to speak of when it is noted already.
    pub(super) fn miss(&self, issuer: &Issuer) {
        if !issuer.missed.load(Ordering::Relaxed) && !issuer.missed.swap(true, Ordering::Relaxed) {
            self.bell.notify_one();
        }
    }

    pub(super) fn put(&mut self, record: model::Issuer, version: Revision) {
        let before = self.remove(record.owner.as_ref(), &record.id);
        let held = before.as_ref().and_then(|before| before.held.clone());
        let name = (record.owner.clone(), record.id.clone());
        let names = Arc::make_mut(&mut self.by_claim);
        let names = names.entry(claim_of(&record)).or_default();
        names.push(name.clone());
        let issuer = Issuer::compile(record, version, held, before.as_deref());
        Arc::make_mut(&mut self.by_id).insert(name, Arc::new(issuer));
    }

    pub(super) fn remove(&mut self, owner: Option<&TenantId>, id: &Slug) -> Option<Arc<Issuer>> {
        self.generation += 1;
        let name = (owner.cloned(), id.clone());
        let before = Arc::make_mut(&mut self.by_id).remove(&name)?;
        let claim = claim_of(&before.record);
        let names = Arc::make_mut(&mut self.by_claim);
        if let Some(same) = names.get_mut(&claim) {
            same.retain(|other| *other != name);
            if same.is_empty() {
                names.remove(&claim);
            }
        }
        Some(before)
    }

    pub(super) fn put_keys(&mut self, keys: IssuerKeys) {
        let name = (keys.owner.clone(), keys.issuer.clone());
        self.hold(name, Some(keys));
    }

    pub(super) fn remove_keys(&mut self, owner: Option<&TenantId>, id: &Slug) {
        self.hold((owner.cloned(), id.clone()), None);
    }

    fn hold(&mut self, name: IssuerName, held: Option<IssuerKeys>) {
        self.generation += 1;
        if let Some(issuer) = Arc::make_mut(&mut self.by_id).get_mut(&name) {
            let next = Issuer::compile(issuer.record.clone(), issuer.version, held, Some(issuer));
            *issuer = Arc::new(next);
        }
    }
}

fn claim_of(record: &model::Issuer) -> String {
    claim(record.owner.as_ref().map(TenantId::as_str), record.source.issuer())
}

/// No tenant has a slash in its name.
fn claim(owner: Option<&str>, issuer: &str) -> String {
    format!("{}/{issuer}", owner.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::super::{Keys, Routes, Snapshot};
    use super::*;
    use crate::model::{
        Algorithm, KeyId, ManagedRole, Pace, PublicKey, RoleId, Source, TenantClaim, TenantScope, Url,
    };
    use crate::store::{Change, Record, RecordId, Stored};

    const OWNERS: [Option<&str>; 2] = [None, Some("a")];
    const IDS: [&str; 2] = ["i", "j"];
    const CLAIMS: [&str; 2] = ["x", "y"];
    const KIDS: [&str; 3] = ["1", "2", "3"];

    fn public() -> PublicKey {
        static KEY: OnceLock<PublicKey> = OnceLock::new();
        let make = || {
            let pair = Ed25519KeyPair::generate().expect("randomness");
            let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
            PublicKey::read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#)).expect("a key").key
        };
        KEY.get_or_init(make).clone()
    }

    fn name((owner, id): (usize, usize)) -> IssuerName {
        let owner = OWNERS[owner].map(|owner| TenantId::parse(owner).expect("an id"));
        (owner, Slug::parse(IDS[id]).expect("a name"))
    }

    fn issuer(at: (usize, usize), claim: usize, leeway: u8) -> Record {
        let (owner, id) = name(at);
        let url = Url::parse("https://idp").expect("a URL");
        let issuer = model::Issuer {
            id,
            owner,
            source: Source::Jwks { issuer: CLAIMS[claim].to_owned(), url },
            tenants: TenantScope::All,
            claim: TenantClaim::default(),
            audience: None,
            require_exp: true,
            leeway,
            role: RoleId::Managed(ManagedRole::Editor),
            scopes_claim: None,
            pace: Pace::default(),
            description: String::new(),
            created_at: Timestamp::from_seconds(0),
        };
        issuer.into()
    }

    /// Each key, if there at all, withdrawn or not. One of them cannot be used.
    fn keys(at: (usize, usize), there: &[Option<bool>]) -> Record {
        let (owner, issuer) = name(at);
        let key = |(nth, withdrawn): (usize, &Option<bool>)| {
            withdrawn.map(|withdrawn| HeldKey {
                id: KeyId::parse(KIDS[nth]).expect("an id"),
                public: public(),
                algorithm: if nth == 2 { Algorithm::ES256 } else { Algorithm::EdDSA },
                until: withdrawn.then(|| Timestamp::from_seconds(9)),
            })
        };
        let keys = there.iter().enumerate().filter_map(key).collect();
        IssuerKeys { owner, issuer, keys, fetched_at: Timestamp::from_seconds(1) }.into()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put((usize, usize), usize, u8),
        Keys((usize, usize), Vec<Option<bool>>),
        Remove((usize, usize)),
        RemoveKeys((usize, usize)),
    }

    fn step() -> impl Strategy<Value = Step> {
        let at = || (0..2_usize, 0..2_usize);
        let there = prop::collection::vec(any::<Option<bool>>(), 3);
        prop_oneof![
            3 => (at(), 0..2_usize, 0..2_u8).prop_map(|(at, claim, leeway)| Step::Put(at, claim, leeway)),
            4 => (at(), there).prop_map(|(at, there)| Step::Keys(at, there)),
            1 => at().prop_map(Step::Remove),
            1 => at().prop_map(Step::RemoveKeys),
        ]
    }

    type View = Vec<Option<(model::Issuer, Option<Timestamp>)>>;

    /// The key that each token would be checked with, and whether it is withdrawn.
    fn view(keys: &Keys) -> View {
        let mut seen = Vec::new();
        for claim in CLAIMS {
            for kid in KIDS {
                for tenant in [None, Some("a"), Some("b")] {
                    let key = keys.issued(tenant, claim, kid);
                    seen.push(key.map(|key| {
                        let name = (key.record.owner.clone(), key.issuer.clone().expect("an issuer's"));
                        let issuer = keys.issuers().get(name.0.as_ref(), &name.1).expect("it is there");
                        assert_eq!(key.record.leeway, issuer.record.leeway);
                        assert!(keys.holds(key, tenant.unwrap_or("b")));
                        (issuer.record.clone(), key.until)
                    }));
                }
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn changes_lead_where_compiling_from_scratch_leads(steps in prop::collection::vec(step(), 0..24)) {
            let routes = Arc::new(Routes::new(&[]));
            let mut records = BTreeMap::new();
            let mut snapshot = Snapshot::new(routes.clone(), 0, []);
            for (revision, step) in (1..).zip(steps) {
                let change = match step {
                    Step::Put(at, claim, leeway) => Change::Put(issuer(at, claim, leeway).into()),
                    // What is held without an issuer is written by nobody.
                    Step::Keys(at, there) => match records.contains_key(&RecordId::Issuer(name(at).0, name(at).1)) {
                        true => Change::Put(keys(at, &there).into()),
                        false => continue,
                    },
                    Step::Remove(at) => Change::Delete(RecordId::Issuer(name(at).0, name(at).1)),
                    Step::RemoveKeys(at) => Change::Delete(RecordId::IssuerKeys(name(at).0, name(at).1)),
                };
                let mut changes = vec![change];
                match &changes[0] {
                    Change::Put(record) => drop(records.insert(record.id(), Record::clone(record))),
                    Change::Delete(id) => {
                        records.remove(id);
                        if let RecordId::Issuer(owner, issuer) = id.clone() {
                            let keys = RecordId::IssuerKeys(owner, issuer);
                            records.remove(&keys);
                            changes.push(Change::Delete(keys));
                        }
                    }
                }
                let next = snapshot.after(revision, &changes);
                let stored = records.values().cloned().map(|value| Stored { version: revision, value });
                prop_assert_eq!(view(&next.keys), view(&Snapshot::new(routes.clone(), revision, stored).keys));
                prop_assert!(next.keys.issuers().generation() > snapshot.keys.issuers().generation());
                prop_assert!(next.generation > snapshot.generation);
                snapshot = next;
            }
        }
    }

    fn with(records: Vec<Record>) -> Snapshot {
        let stored = records.into_iter().map(|value| Stored { version: 1, value });
        Snapshot::new(Arc::new(Routes::new(&[])), 1, stored)
    }

    #[test]
    fn keys_that_stay_are_the_very_same() {
        let at = (0, 0);
        let first = with(vec![issuer(at, 0, 0), keys(at, &[Some(false), Some(false)])]);
        let key = |snapshot: &Snapshot, kid| snapshot.keys.issued(None, "x", kid).expect("a key").clone();
        let (one, two) = (key(&first, "1"), key(&first, "2"));
        let next = first.after(2, &[Change::Put(keys(at, &[Some(false), Some(true)]).into())]);
        assert!(next.keys.holds(&one, "a") && Arc::ptr_eq(&one, &key(&next, "1")));
        assert!(!next.keys.holds(&two, "a") && key(&next, "2").until.is_some());
        // Other conditions, another key; also when the issuer goes and comes back.
        assert!(!next.after(3, &[Change::Put(issuer(at, 0, 1).into())]).keys.holds(&one, "a"));
        let gone = next.after(3, &[Change::Delete(issuer(at, 0, 0).id())]);
        assert!(!gone.keys.holds(&one, "a") && gone.keys.issued(None, "x", "1").is_none());
    }

    #[test]
    fn two_of_one_name_are_none() {
        let (i, j) = ((0, 0), (0, 1));
        let all = [Some(false), Some(false)];
        let both = with(vec![issuer(i, 0, 0), issuer(j, 0, 0), keys(i, &all), keys(j, &all)]);
        assert!(both.keys.issued(None, "x", "1").is_none());
        let one = both.after(2, &[Change::Put(issuer(j, 1, 0).into())]);
        assert!(one.keys.issued(None, "x", "1").is_some() && one.keys.issued(None, "y", "1").is_some());
    }

    #[tokio::test]
    async fn a_missed_key_rings_once() {
        let at = (0, 0);
        let snapshot = with(vec![issuer(at, 0, 0)]);
        let bell = snapshot.keys.issuers().bell();
        let rings = async || {
            let bell = bell.notified();
            tokio::time::timeout(std::time::Duration::ZERO, bell).await.is_ok()
        };
        snapshot.keys.miss(None, "stranger");
        assert!(!rings().await);
        (0..100).for_each(|_| snapshot.keys.miss(Some("a"), "x"));
        assert!(rings().await && !rings().await);
        // Whoever holds a later state of the same issuer sees it, and sees to it.
        let later = snapshot.after(2, &[Change::Put(issuer(at, 0, 1).into())]);
        let (owner, id) = name(at);
        let issuer = later.keys.issuers().get(owner.as_ref(), &id).expect("it is there");
        assert!(issuer.is_missed());
        issuer.seen_to();
        snapshot.keys.miss(None, "x");
        assert!(rings().await);
    }
}

//! The whole of authentication and permission, cache included, against a slow reading of the raw
//! records; and the bound of the cache.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::{Cache, Denied, Failure, Reading, authenticate, permit};
use crate::model::{
    Algorithm, Api, Grants, KeyId, OrgId, Permission, PublicKey, Service, Tenant, TenantClaim, TenantId,
    TenantScope, Timeouts, Timestamp, TrustedKey, Unlisted,
};
use crate::snapshot::{Routes, Snapshot};
use crate::store::{Change, Record, RecordId, Stored};

const TENANTS: [&str; 3] = ["a", "b", "c"];
const PATTERNS: [&str; 6] = ["*", "metrics:*", "*:read", "logs:write", "data:delete", "metrics:read"];
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// All that happens, happens around this second.
const NOW: u64 = 1_000_000;

/// Two keys that are trusted now and then, and one that never is.
fn pairs() -> &'static [Ed25519KeyPair; 3] {
    static PAIRS: OnceLock<[Ed25519KeyPair; 3]> = OnceLock::new();
    PAIRS.get_or_init(|| [(); 3].map(|()| Ed25519KeyPair::generate().expect("randomness")))
}

fn public(pair: usize) -> PublicKey {
    let x = URL_SAFE_NO_PAD.encode(pairs()[pair].public_key().as_ref());
    PublicKey::read(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#)).expect("a key").key
}

/// A key as the oracle reads it, with its grants as they are written.
#[derive(Clone, Debug)]
struct RawKey {
    pair: usize,
    scope: Option<Vec<&'static str>>,
    patterns: Vec<&'static str>,
    issuer: Option<&'static str>,
    require_exp: bool,
    leeway: u8,
    fallback: bool,
}

#[derive(Clone, Debug)]
struct Token {
    pair: usize,
    kid: Option<&'static str>,
    tenant: &'static str,
    issuer: Option<&'static str>,
    exp: Option<u64>,
}

#[derive(Clone, Debug)]
enum Step {
    PutTenant(&'static str, u32),
    DeleteTenant(&'static str),
    PutKey((Option<&'static str>, &'static str), RawKey),
    DeleteKey((Option<&'static str>, &'static str)),
    /// One of the tokens, at a tenant, for a permission, so many seconds on.
    Ask(prop::sample::Index, &'static str, prop::sample::Index, u64),
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Unknown,
    NoTenant,
    Lacks,
    /// To the back end as this.
    Permitted(String),
}

/// The records as they are.
#[derive(Default)]
struct Raw {
    tenants: BTreeMap<&'static str, u32>,
    keys: BTreeMap<(Option<&'static str>, &'static str), RawKey>,
}

impl Raw {
    fn judge(&self, token: &Token, asked: &str, permission: Permission, now: u64) -> Verdict {
        let key = match token.kid {
            Some(kid) => {
                let own = self.keys.iter().find(|((owner, id), _)| (*owner, *id) == (Some(asked), kid));
                own.map(|(_, key)| key).or_else(|| self.keys.get(&(None, kid)))
            }
            None => self.keys.values().find(|key| key.fallback),
        };
        let Some(key) = key else { return Verdict::Unknown };
        let known = key.pair == token.pair
            && key.scope.as_ref().is_none_or(|scope| scope.contains(&token.tenant))
            && key.issuer.is_none_or(|issuer| token.issuer == Some(issuer))
            && token.exp.map_or(!key.require_exp, |exp| now < exp + u64::from(key.leeway))
            && token.tenant == asked;
        if !known {
            return Verdict::Unknown;
        }
        let Some(nth) = self.tenants.get(asked) else { return Verdict::NoTenant };
        let text = permission.to_string();
        let (resource, action) = text.split_once(':').expect("two parts");
        let fits = |pattern: &&str| match pattern.split_once(':') {
            None => *pattern == "*",
            Some((r, a)) => (r == "*" || r == resource) && (a == "*" || a == action),
        };
        match key.patterns.iter().any(fits) {
            true => Verdict::Permitted(if *nth == 1 { asked.to_owned() } else { format!("{asked}-{nth}") }),
            false => Verdict::Lacks,
        }
    }

    /// Applies a step to the raw records, and says what a store would have made of it. A second
    /// fallback is put as an ordinary key, as `control` would have it.
    fn apply(&mut self, step: &Step) -> Option<Change> {
        match step {
            Step::PutTenant(id, nth) => {
                self.tenants.insert(id, *nth);
                let (id, at) = (tenant_id(id), Timestamp::from_seconds(0));
                let org_id = OrgId::nth(&id, *nth);
                Some(Change::Put(Tenant::new(id, org_id, at).into()))
            }
            Step::DeleteTenant(id) => {
                self.tenants.remove(id);
                Some(Change::Delete(RecordId::Tenant(tenant_id(id))))
            }
            Step::PutKey(at @ (owner, id), key) => {
                let mut key = key.clone();
                key.fallback &=
                    owner.is_none() && !self.keys.iter().any(|(other, key)| other != at && key.fallback);
                self.keys.insert(*at, key.clone());
                Some(Change::Put(record(*owner, id, &key).into()))
            }
            Step::DeleteKey(at @ (owner, id)) => {
                self.keys.remove(at);
                let owner = owner.map(tenant_id);
                Some(Change::Delete(RecordId::Key(owner, KeyId::parse(id).expect("an id"))))
            }
            Step::Ask(..) => None,
        }
    }
}

fn tenant_id(text: &str) -> TenantId {
    TenantId::parse(text).expect("an id")
}

fn record(owner: Option<&str>, id: &str, key: &RawKey) -> TrustedKey {
    let scope = |ids: &Vec<&str>| TenantScope::Only(ids.iter().map(|id| tenant_id(id)).collect());
    TrustedKey {
        id: KeyId::parse(id).expect("an id"),
        owner: owner.map(tenant_id),
        algorithm: Algorithm::EdDSA,
        public: public(key.pair),
        tenants: key.scope.as_ref().map_or(TenantScope::All, scope),
        claim: TenantClaim::default(),
        issuer: key.issuer.map(str::to_owned),
        audience: None,
        require_exp: key.require_exp,
        leeway: key.leeway,
        fallback: key.fallback,
        grants: Grants::parse(key.patterns.iter().copied()).expect("patterns"),
        role: None,
        scopes_claim: None,
        description: String::new(),
        created_at: Timestamp::from_seconds(0),
    }
}

impl Token {
    fn credential(&self) -> Vec<u8> {
        let mut header = json!({ "alg": "EdDSA" });
        let mut payload = json!({ "sub": format!("tenant-{}", self.tenant) });
        if let Some(kid) = self.kid {
            header["kid"] = kid.into();
        }
        if let Some(issuer) = self.issuer {
            payload["iss"] = issuer.into();
        }
        if let Some(exp) = self.exp {
            payload["exp"] = exp.into();
        }
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(header.to_string()), part(payload.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(pairs()[self.pair].sign(message.as_bytes()).as_ref());
        format!("Bearer {message}.{signature}").into_bytes()
    }
}

fn raw_key() -> impl Strategy<Value = RawKey> {
    let some = |from: &'static [&'static str]| prop::sample::subsequence(from, 0..=2);
    let issuer = prop::sample::select(vec![None, None, Some("i"), Some("j")]);
    (0..2_usize, prop::option::of(some(&TENANTS)), some(&PATTERNS), issuer, any::<(bool, bool)>(), 0..3_u8)
        .prop_map(|(pair, scope, patterns, issuer, (require_exp, fallback), leeway)| RawKey {
            pair,
            scope,
            patterns,
            issuer,
            require_exp,
            leeway,
            fallback,
        })
}

fn token() -> impl Strategy<Value = Token> {
    let kid = prop::sample::select(vec![None, Some("k1"), Some("k1"), Some("k2"), Some("k3")]);
    let issuer = prop::sample::select(vec![None, Some("i"), Some("j")]);
    let exp = prop::sample::select(vec![None, Some(NOW), Some(NOW + 2), Some(NOW + 100), Some(NOW + 100)]);
    (0..3_usize, kid, prop::sample::select(&TENANTS[..]), issuer, exp)
        .prop_map(|(pair, kid, tenant, issuer, exp)| Token { pair, kid, tenant, issuer, exp })
}

fn step() -> impl Strategy<Value = Step> {
    let tenant = || prop::sample::select(&TENANTS[..]);
    let owner = || prop::sample::select(vec![None, None, Some("a"), Some("b")]);
    let key = || (owner(), prop::sample::select(vec!["k1", "k2"]));
    prop_oneof![
        2 => (tenant(), 1..3_u32).prop_map(|(id, nth)| Step::PutTenant(id, nth)),
        1 => tenant().prop_map(Step::DeleteTenant),
        3 => (key(), raw_key()).prop_map(|(id, key)| Step::PutKey(id, key)),
        1 => key().prop_map(Step::DeleteKey),
        12 => (any::<prop::sample::Index>(), tenant(), any::<prop::sample::Index>(), 0..5_u64)
            .prop_map(|(token, asked, permission, later)| Step::Ask(token, asked, permission, later)),
    ]
}

fn routes() -> Arc<Routes> {
    let service = Service {
        name: "s".to_owned(),
        rules: Vec::new(),
        upstreams: Vec::new(),
        tenant_header: "x-scope-orgid".to_owned(),
        api: Api::ReadWrite,
        unlisted: Unlisted::Deny,
        timeouts: Timeouts::default(),
    };
    Arc::new(Routes::new(&[service]))
}

/// What the gateway decides.
fn verdict(
    snapshot: &Snapshot,
    cache: &mut Cache,
    credential: &[u8],
    asked: &str,
    permission: Permission,
    now: u64,
) -> Verdict {
    let reading = authenticate(snapshot, cache, credential, asked, HERE, Timestamp::from_seconds(now));
    let Ok(Reading::Known(identity)) = reading else { return Verdict::Unknown };
    match permit(snapshot, identity, &snapshot.routes.services()[0], permission) {
        Ok(permit) => Verdict::Permitted(permit.tenant().header.to_str().expect("text").to_owned()),
        Err(Denied::UnknownTenant) => Verdict::NoTenant,
        Err(Denied::Suspended) => unreachable!("no tenant here is suspended"),
        Err(Denied::Lacks(lacking)) => {
            assert_eq!(lacking, permission);
            Verdict::Lacks
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn verdicts_cached_or_not_are_those_of_the_raw_records(
        tokens in prop::collection::vec(token(), 1..5),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let credentials: Vec<Vec<u8>> = tokens.iter().map(Token::credential).collect();
        let permissions: Vec<Permission> = Grants::ALL.iter().collect();
        let (mut raw, mut cache) = (Raw::default(), Cache::new(16).expect("randomness"));
        let (mut snapshot, mut clock) = (Snapshot::new(routes(), 0, []), NOW);
        for step in &steps {
            if let Some(change) = raw.apply(step) {
                snapshot = snapshot.after(snapshot.revision + 1, &[change]);
            }
            let Step::Ask(token, asked, permission, later) = step else { continue };
            clock += later / 4;
            let token = token.index(tokens.len());
            let permission = *permission.get(&permissions);
            let expected = raw.judge(&tokens[token], asked, permission, clock);
            for _ in 0..2 {
                let decided = verdict(&snapshot, &mut cache, &credentials[token], asked, permission, clock);
                prop_assert_eq!(&decided, &expected, "{:?} at {}", tokens[token], clock);
            }
        }
    }
}

#[test]
fn a_token_has_one_entry_however_it_is_sent() {
    use base64::engine::general_purpose::STANDARD;
    let patterns = vec!["*"];
    let key = RawKey {
        pair: 0,
        scope: None,
        patterns,
        issuer: None,
        require_exp: false,
        leeway: 0,
        fallback: true,
    };
    let stored = Stored { version: 1, value: Record::Key(record(None, "k1", &key)) };
    let snapshot = Snapshot::new(routes(), 1, [stored]);
    let mut cache = Cache::new(64).expect("randomness");
    let bearer = Token { pair: 0, kid: None, tenant: "a", issuer: None, exp: None }.credential();
    let bearer = String::from_utf8(bearer).expect("text");
    let text = bearer.strip_prefix("Bearer ").expect("a token");
    let mut sent = vec![bearer.clone(), format!("bEARER   {text} ")];
    sent.extend((0..20).map(|nth| format!("Basic {}", STANDARD.encode(format!("user{nth}:{text}")))));
    for (nth, credential) in sent.iter().enumerate() {
        let address = IpAddr::from([192, 0, 2, u8::try_from(nth).expect("few")]);
        let now = Timestamp::from_seconds(NOW);
        let read = authenticate(&snapshot, &mut cache, credential.as_bytes(), "a", address, now);
        assert!(matches!(read, Ok(Reading::Known(_))), "{credential}");
        assert_eq!(cache.len(), 1, "{credential}");
    }
}

#[test]
fn the_cache_holds_no_more_than_it_may_and_forgets_no_rule() {
    const BOUND: usize = 32;
    let key = RawKey {
        pair: 0,
        scope: None,
        patterns: vec!["*"],
        issuer: None,
        require_exp: true,
        leeway: 0,
        fallback: false,
    };
    let stored = Stored { version: 1, value: Record::Key(record(None, "k1", &key)) };
    let snapshot = Snapshot::new(routes(), 1, [stored]);
    let mut cache = Cache::new(BOUND).expect("randomness");
    let mut ask = |exp: u64, asked: &str, now: u64| {
        let token = Token { pair: 0, kid: Some("k1"), tenant: "a", issuer: None, exp: Some(exp) };
        let now = Timestamp::from_seconds(now);
        let result = authenticate(&snapshot, &mut cache, &token.credential(), asked, HERE, now);
        assert!(cache.len() <= BOUND, "{}", cache.len());
        result.map(|reading| match reading {
            Reading::Known(identity) => identity.deadline(),
            Reading::Password(_) => unreachable!("it is a token"),
        })
    };
    for nth in 1..=1000 {
        assert_eq!(ask(NOW + nth, "a", NOW), Ok(NOW + nth));
        assert_eq!(ask(NOW + nth, "b", NOW), Err(Failure::OtherTenant));
    }
    assert_eq!(ask(NOW + 1000, "a", NOW + 999), Ok(NOW + 1000));
    assert_eq!(ask(NOW + 1000, "a", NOW + 1000), Err(Failure::Expired));
    assert!(!cache.is_empty());
    assert_eq!(cache.hits + cache.misses, 2002);
}

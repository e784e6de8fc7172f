//! Keys as they are written and shown on the wire.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::body::Rest;
use super::openapi::needing;
use super::problem::Refusal;
use super::words;
use crate::control::{Claim, Conditions, Flaws, Gives, KeyChange, Leeway, NewKey, Prose};
use crate::model::{
    Algorithm, Grants, KeyId, ManagedRole, PublicKey, ReadKey, RoleId, TenantClaim, TenantId, TenantScope,
    TrustedKey,
};

/// What the gateway says itself; whoever writes back what was read sends it along.
const OURS: &[&str] = &["created_at", "fingerprint", "kind"];

/// A trusted key.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(super) struct Shown {
    /// The `kid` by which tokens name it.
    #[schema(example = "7f1e0a5a9e9d0f3c0c8b6d6c3f7a6c1e4b2d9a10")]
    id: String,
    /// The algorithm of its tokens; they cannot choose another.
    #[schema(example = "RS256")]
    algorithm: &'static str,
    /// What kind of key it is.
    #[schema(example = "RSA-2048")]
    kind: String,
    /// SubjectPublicKeyInfo as PEM.
    public_key: String,
    /// Lower-case hex of the SHA-1 of `public_key`: the id that Opstrace's tools give it.
    fingerprint: String,
    tenants: Tenants,
    claim: ClaimForm,
    issuer: Option<String>,
    audience: Option<String>,
    require_exp: bool,
    /// Seconds.
    leeway: u8,
    fallback: bool,
    /// What its tokens may do to data, unless they have a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<Vec<String>>,
    /// The role that its tokens have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "editor_acme")]
    role: Option<String>,
    /// The claim by which its tokens narrow what they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "scope")]
    scopes_claim: Option<String>,
    description: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
}

/// `"all"`, or a list of tenants' ids.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "is \"all\", or a list of tenants' ids")]
pub(super) enum Tenants {
    #[schema(value_type = words::All)]
    All(String),
    #[schema(value_type = Vec<words::TenantId>)]
    Only(Vec<String>),
}

/// PEM, or a JWK as an object or a text.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "is PEM, or a JWK as an object or a text")]
enum Material {
    #[schema(value_type = words::Pem)]
    Text(String),
    #[schema(value_type = Object)]
    Jwk(serde_json::Map<String, serde_json::Value>),
}

/// Seconds, or a text such as `30s`; at most 60 s.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "is a number of seconds, or a text such as \"30s\"")]
pub(super) enum Span {
    #[schema(value_type = words::Leeway)]
    Seconds(u64),
    #[schema(example = "30s")]
    Text(String),
}

/// A key to be trusted, or the conditions under which one shall be.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = KeyForm)]
pub(super) struct Form {
    /// The `kid` by which tokens name it (`kid` is accepted as this field's name too). A JWK's own,
    /// else the key's fingerprint, when left out. Cannot be changed.
    #[serde(alias = "kid")]
    #[schema(value_type = Option<words::KeyId>)]
    id: Option<String>,
    /// PEM, or a JWK as an object or a text. Of a private key the public part is kept. Needed when
    /// adding; cannot be changed.
    public_key: Option<Material>,
    /// The algorithm of its tokens. A JWK's own, else RS256, ES256, ES384 or EdDSA by the kind of
    /// key, when left out. Cannot be changed.
    #[schema(value_type = Option<words::Algorithm>)]
    algorithm: Option<String>,
    /// The tenants for which it may speak: `"all"`, the default, or a list of ids. Of a tenant's key,
    /// that tenant and nothing else.
    tenants: Option<Tenants>,
    /// Where its tokens name their tenant. `{"name": "sub", "prefix": "tenant-"}` when left out.
    claim: Option<ClaimForm>,
    /// `iss` must be exactly this; not looked at when left out.
    #[schema(value_type = Option<words::Claim>)]
    issuer: Option<String>,
    /// `aud` must be or contain exactly this; not looked at when left out.
    #[schema(value_type = Option<words::Claim>)]
    audience: Option<String>,
    /// Whether a token without `exp` is refused.
    #[schema(default = true)]
    require_exp: Option<bool>,
    /// How far a token's times may be off; not at all when left out.
    leeway: Option<Span>,
    /// Whether it is tried for tokens without `kid`. At most one key of the instance is.
    #[schema(default = false)]
    fallback: Option<bool>,
    /// What its tokens may do to data: `*`, `metrics:*`, `*:read`, `logs:write`, … Everything when
    /// neither this nor a role is given; not both.
    #[schema(value_type = Option<Vec<words::Grant>>)]
    grants: Option<Vec<String>>,
    /// The role that its tokens have instead: `admin`, `editor`, `viewer` or `writer`; of a tenant's
    /// key, any role of that tenant, by default Editor.
    #[schema(value_type = Option<words::RoleId>)]
    role: Option<String>,
    /// A claim that says what each token may do of that: permissions such as `metrics:read` in a list,
    /// or in one text with spaces between (`scope`, `scp`). A token without it may do nothing.
    #[serde(alias = "scopesClaim")]
    #[schema(example = "scope", value_type = Option<words::Claim>)]
    scopes_claim: Option<String>,
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// A [`Form`] that says what a new key needs.
pub(super) struct Draft;

impl PartialSchema for Draft {
    fn schema() -> RefOr<Schema> {
        needing::<Form, Material>("A key to be trusted.", "public_key")
    }
}

impl ToSchema for Draft {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("NewKey")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Form::schemas(schemas);
    }
}

/// Where a token names its tenant.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object with \"name\" and \"prefix\"")]
pub(super) struct ClaimForm {
    /// A claim whose value is a text.
    #[schema(example = "sub", value_type = words::Claim)]
    name: String,
    /// What stands before the tenant's id in that text.
    #[serde(default)]
    #[schema(example = "tenant-", value_type = words::Prefix)]
    prefix: String,
}

impl From<TrustedKey> for Shown {
    fn from(key: TrustedKey) -> Self {
        Shown {
            id: key.id.to_string(),
            algorithm: key.algorithm.as_str(),
            kind: key.public.kind().to_string(),
            public_key: key.public.pem(),
            fingerprint: key.public.fingerprint().to_string(),
            tenants: key.tenants.into(),
            claim: key.claim.into(),
            issuer: key.issuer,
            audience: key.audience,
            require_exp: key.require_exp,
            leeway: key.leeway,
            fallback: key.fallback,
            grants: key.role.is_none().then(|| key.grants.into()),
            role: key.role.map(|role| match &key.owner {
                Some(tenant) => role.text(tenant),
                None => role.to_string(),
            }),
            scopes_claim: key.scopes_claim,
            description: key.description,
            created_at: key.created_at.to_string(),
        }
    }
}

impl From<TenantScope> for Tenants {
    fn from(scope: TenantScope) -> Self {
        match scope {
            TenantScope::All => Tenants::All("all".to_owned()),
            TenantScope::Only(tenants) => Tenants::Only(tenants.into_iter().map(String::from).collect()),
        }
    }
}

impl From<TenantClaim> for ClaimForm {
    fn from(claim: TenantClaim) -> Self {
        ClaimForm { name: claim.name, prefix: claim.prefix }
    }
}

impl Form {
    pub(super) fn create(mut self, owner: Option<&TenantId>) -> Result<NewKey, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        if self.public_key.is_none() {
            flaws.add("public_key", "is missing");
        }
        let read = read_material(self.public_key.take(), &mut flaws);
        let id = self.id.as_deref().and_then(|id| read_id(id, &mut flaws));
        let algorithm = read_algorithm(self.algorithm.as_deref(), &mut flaws);
        let conditions = self.conditions(owner, &mut flaws);
        let ReadKey { key, id: own_id, algorithm: own_algorithm } = flaws.yields(read)?;
        Ok(NewKey {
            id: id.or(own_id).unwrap_or_else(|| key.fingerprint()),
            algorithm: algorithm.or(own_algorithm).unwrap_or(Algorithm::default_for(key.kind())),
            public: key,
            conditions,
        })
    }

    pub(super) fn replace(mut self, owner: Option<&TenantId>, id: &KeyId) -> Result<KeyChange, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[OURS], &mut flaws);
        if self.id.as_deref().is_some_and(|given| given != id.as_str()) {
            flaws.add("id", "cannot be changed: remove the key and add it again");
        }
        let public = read_material(self.public_key.take(), &mut flaws).map(|read| read.key);
        let algorithm = read_algorithm(self.algorithm.as_deref(), &mut flaws);
        let conditions = self.conditions(owner, &mut flaws);
        flaws.settle()?;
        Ok(KeyChange { conditions, public, algorithm })
    }

    /// The conditions, whole when there are no flaws.
    fn conditions(self, owner: Option<&TenantId>, flaws: &mut Flaws) -> Conditions {
        Conditions {
            tenants: self.tenants.map(|tenants| read_tenants(tenants, flaws)),
            claim: read_claim(self.claim, flaws),
            issuer: read_line("issuer", self.issuer, flaws),
            audience: read_line("audience", self.audience, flaws),
            require_exp: self.require_exp.unwrap_or(true),
            leeway: read_leeway(self.leeway, flaws),
            fallback: self.fallback.unwrap_or(false),
            gives: read_gives(self.grants, self.role, owner, flaws),
            scopes_claim: read_line("scopes_claim", self.scopes_claim, flaws),
            description: flaws
                .take("description", Prose::parse(self.description.unwrap_or_default()))
                .unwrap_or_default(),
        }
    }
}

fn read_material(material: Option<Material>, flaws: &mut Flaws) -> Option<ReadKey> {
    let text = match material? {
        Material::Text(text) => text,
        Material::Jwk(members) => serde_json::Value::Object(members).to_string(),
    };
    flaws.take("public_key", PublicKey::read(&text))
}

fn read_id(text: &str, flaws: &mut Flaws) -> Option<KeyId> {
    let rule =
        || format!("has 1 to {} printable ASCII characters, without space, and is not . or ..", KeyId::MAX);
    flaws.take("id", KeyId::parse(text).ok_or_else(rule))
}

fn read_algorithm(text: Option<&str>, flaws: &mut Flaws) -> Option<Algorithm> {
    flaws.take("algorithm", text?.parse())
}

pub(super) fn read_tenants(tenants: Tenants, flaws: &mut Flaws) -> TenantScope {
    let ids = match tenants {
        Tenants::All(word) if word == "all" => return TenantScope::All,
        Tenants::All(_) => {
            flaws.add("tenants", "is \"all\", or a list of tenants' ids");
            Vec::new()
        }
        Tenants::Only(ids) => ids,
    };
    let read = ids.iter().enumerate();
    let read = read.filter_map(|(index, id)| flaws.take(&format!("tenants[{index}]"), TenantId::parse(id)));
    TenantScope::Only(read.collect())
}

pub(super) fn read_claim(form: Option<ClaimForm>, flaws: &mut Flaws) -> TenantClaim {
    let Some(form) = form else { return TenantClaim::default() };
    let name = read_line("claim.name", Some(form.name), flaws).unwrap_or_default();
    let prefix = Some(form.prefix).filter(|prefix| !prefix.is_empty());
    TenantClaim { name, prefix: read_line("claim.prefix", prefix, flaws).unwrap_or_default() }
}

pub(super) fn read_line(field: &str, text: Option<String>, flaws: &mut Flaws) -> Option<String> {
    flaws.take(field, Claim::parse(text?)).map(String::from)
}

pub(super) fn read_leeway(span: Option<Span>, flaws: &mut Flaws) -> Leeway {
    let duration = match span {
        None => Ok(Duration::ZERO),
        Some(Span::Seconds(seconds)) => Ok(Duration::from_secs(seconds)),
        Some(Span::Text(text)) => humantime::parse_duration(&text).map_err(|error| error.to_string()),
    };
    let leeway = duration.and_then(|duration| Leeway::new(duration).map_err(|error| error.to_string()));
    flaws.take("leeway", leeway).unwrap_or_default()
}

fn read_gives(
    patterns: Option<Vec<String>>,
    role: Option<String>,
    owner: Option<&TenantId>,
    flaws: &mut Flaws,
) -> Option<Gives> {
    match (patterns, role) {
        (None, None) => None,
        (Some(patterns), None) => {
            let read = Grants::parse(patterns.iter().map(String::as_str));
            flaws.take("grants", read).map(Gives::Grants)
        }
        (None, Some(text)) => {
            let role = match owner {
                Some(tenant) => RoleId::parse(&text, tenant).ok_or("is no role of this tenant"),
                None => ManagedRole::named(&text)
                    .map(RoleId::Managed)
                    .ok_or("is one of admin, editor, viewer and writer: the instance has no others"),
            };
            flaws.take("role", role).map(Gives::Role)
        }
        (Some(_), Some(_)) => {
            flaws.add("grants", "and a role exclude each other");
            None
        }
    }
}

//! Issuers as they are written and shown on the wire.

use std::borrow::Cow;
use std::time;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::body::Rest;
use super::keyform::{ClaimForm, Span, Tenants, read_claim, read_leeway, read_line, read_tenants};
use super::openapi::needing;
use super::problem::Refusal;
use super::words;
use crate::control::issuers::{Standing, Terms};
use crate::control::{Claim, Flaws, Prose};
use crate::model::{
    HeldKey, Issuer, ManagedRole, Pace, RoleId, Slug, Source, TenantId, TenantScope, Url, discovery_url,
};

/// What the gateway says itself; whoever writes back what was read sends it along.
const OURS: &[&str] = &["created_at", "error", "failures", "fetched_at", "keys", "skipped", "tenant"];

/// An identity provider whose tokens are believed.
#[derive(Serialize, ToSchema)]
#[schema(as = Issuer)]
pub(super) struct Shown {
    #[schema(example = "company")]
    id: String,
    /// The tenant that owns it, for which alone it can speak; `null` for the instance.
    tenant: Option<String>,
    /// The `iss` of its tokens.
    #[schema(example = "https://idp.example.com/realms/company")]
    issuer: String,
    /// Where its keys are; `null` when OpenID Connect Discovery says so.
    jwks_url: Option<String>,
    tenants: Tenants,
    claim: ClaimForm,
    audience: Option<String>,
    require_exp: bool,
    /// Seconds.
    leeway: u8,
    /// The id of the role that its tokens have.
    #[schema(example = "editor")]
    role: String,
    scopes_claim: Option<String>,
    refresh: RefreshShown,
    description: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// The keys that are trusted at this time.
    keys: Vec<KeyShown>,
    /// When its keys were last fetched; `null` for never. RFC 3339.
    #[schema(format = DateTime)]
    fetched_at: Option<String>,
    /// Why the last attempt to fetch them failed; `null` when it did not.
    error: Option<String>,
    /// How many attempts have failed since the last good one.
    failures: u32,
    /// Why keys of the last document are not trusted.
    skipped: Vec<String>,
}

/// How its keys are fetched, in seconds.
#[derive(Serialize, ToSchema)]
#[schema(as = Refresh)]
struct RefreshShown {
    #[schema(example = 3600)]
    interval: u64,
    #[schema(example = 60)]
    min_interval: u64,
    #[schema(example = 600)]
    grace: u64,
}

/// A key of an issuer.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuerKey)]
struct KeyShown {
    /// Its `kid`.
    id: String,
    #[schema(example = "RS256")]
    algorithm: &'static str,
    #[schema(example = "RSA-2048")]
    kind: String,
    /// Until when it is trusted, as the issuer has withdrawn it; `null` for one that it has not.
    /// RFC 3339.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// An issuer to be trusted, or the terms on which one shall be.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "a JSON object")]
#[schema(as = IssuerForm)]
pub(super) struct Form {
    /// Its name; needed when adding, cannot be changed.
    #[schema(value_type = Option<words::Slug>)]
    id: Option<String>,
    /// The `iss` of its tokens, exactly. Without `jwks_url` the URL at which OpenID Connect
    /// Discovery finds it.
    #[schema(required = true, value_type = words::Issuer)]
    issuer: Option<String>,
    /// Where its keys are, instead of discovery.
    #[schema(value_type = Option<words::Url>)]
    jwks_url: Option<String>,
    /// The tenants for which it may speak: `"all"`, the default, or a list of ids. A tenant's own
    /// issuer has no such list.
    tenants: Option<Tenants>,
    /// Where its tokens name their tenant. `{"name": "sub", "prefix": "tenant-"}` when left out.
    claim: Option<ClaimForm>,
    /// `aud` must be or contain exactly this; not looked at when left out.
    #[schema(value_type = Option<words::Claim>)]
    audience: Option<String>,
    /// Whether a token without `exp` is refused.
    #[schema(default = true)]
    require_exp: Option<bool>,
    /// How far a token's times may be off; not at all when left out.
    leeway: Option<Span>,
    /// The role that its tokens have: admin, editor, viewer, writer, or the id of a tenant's own
    /// role for an issuer of that tenant.
    #[schema(default = "editor", value_type = Option<words::IssuerRole>)]
    role: Option<String>,
    /// The claim by which a token narrows its rights: `scope` or `scp`, say. A token without it has
    /// none then.
    #[schema(value_type = Option<words::Claim>)]
    scopes_claim: Option<String>,
    refresh: Option<RefreshForm>,
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// A [`Form`] that says what a new issuer needs.
pub(super) struct Draft;

impl PartialSchema for Draft {
    fn schema() -> RefOr<Schema> {
        needing::<Form, words::Slug>("An issuer to be trusted.", "id")
    }
}

impl ToSchema for Draft {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("NewIssuer")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Form::name().into_owned(), Form::schema()));
        Form::schemas(schemas);
    }
}

/// How its keys are fetched: numbers of seconds, or texts such as `1h`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object with \"interval\", \"min_interval\" and \"grace\"")]
struct RefreshForm {
    /// How often; an hour when left out. From `min_interval`, at least a minute for a tenant's, to a week.
    interval: Option<Duration>,
    /// How often at most, when tokens name keys that nobody knows; a minute when left out. From a
    /// second to a day.
    min_interval: Option<Duration>,
    /// How long a key is trusted once the issuer has withdrawn it; ten minutes when left out. At
    /// most a week.
    grace: Option<Duration>,
}

/// A number of seconds, or a text such as `1h`.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "is a number of seconds, or a text such as \"1h\"")]
enum Duration {
    #[schema(example = 3600)]
    Seconds(u32),
    #[schema(example = "1h")]
    Text(String),
}

impl Shown {
    pub(super) fn new(issuer: Issuer, standing: Standing) -> Self {
        let Standing { keys, status } = standing;
        let url = match &issuer.source {
            Source::Discovery { .. } => None,
            Source::Jwks { url, .. } => Some(url.to_string()),
        };
        let pace = issuer.pace;
        Shown {
            id: issuer.id.to_string(),
            issuer: issuer.source.issuer().to_owned(),
            jwks_url: url,
            tenants: issuer.tenants.into(),
            claim: issuer.claim.into(),
            audience: issuer.audience,
            require_exp: issuer.require_exp,
            leeway: issuer.leeway,
            role: issuer.owner.as_ref().map_or_else(|| issuer.role.to_string(), |own| issuer.role.text(own)),
            tenant: issuer.owner.map(String::from),
            scopes_claim: issuer.scopes_claim,
            refresh: RefreshShown {
                interval: pace.interval().as_secs(),
                min_interval: pace.min_interval().as_secs(),
                grace: pace.grace().as_secs(),
            },
            description: issuer.description,
            created_at: issuer.created_at.to_string(),
            keys: keys.into_iter().map(KeyShown::from).collect(),
            fetched_at: status.fetched_at.map(|at| at.to_string()),
            error: status.error,
            failures: status.failures,
            skipped: status.skipped,
        }
    }
}

impl From<HeldKey> for KeyShown {
    fn from(key: HeldKey) -> Self {
        KeyShown {
            id: key.id.to_string(),
            algorithm: key.algorithm.as_str(),
            kind: key.public.kind().to_string(),
            until: key.until.map(|until| until.to_string()),
        }
    }
}

impl Form {
    pub(super) fn create(mut self, owner: Option<&TenantId>) -> Result<(Slug, Terms), Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let id = match self.id.take() {
            Some(id) => flaws.take("id", Slug::parse(&id)),
            None => flaws.take("id", Err("is missing")),
        };
        let terms = self.terms(owner, &mut flaws);
        Ok(flaws.yields(id.zip(terms))?)
    }

    pub(super) fn replace(self, owner: Option<&TenantId>, id: &Slug) -> Result<Terms, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[OURS], &mut flaws);
        if self.id.as_deref().is_some_and(|given| given != id.as_str()) {
            flaws.add("id", "cannot be changed: remove the issuer and add it again");
        }
        let terms = self.terms(owner, &mut flaws);
        Ok(flaws.yields(terms)?)
    }

    /// The terms; whole when there are no flaws.
    fn terms(self, owner: Option<&TenantId>, flaws: &mut Flaws) -> Option<Terms> {
        let source = read_source(self.issuer, self.jwks_url, flaws);
        let description = Prose::parse(self.description.unwrap_or_default());
        let terms = |source| Terms {
            source,
            tenants: read_own_tenants(self.tenants, owner, flaws),
            claim: read_claim(self.claim, flaws),
            audience: read_line("audience", self.audience, flaws),
            require_exp: self.require_exp.unwrap_or(true),
            leeway: read_leeway(self.leeway, flaws),
            role: read_role(self.role.as_deref(), owner, flaws),
            scopes_claim: read_line("scopes_claim", self.scopes_claim, flaws),
            pace: read_pace(self.refresh.unwrap_or_default(), flaws),
            description: flaws.take("description", description).unwrap_or_default(),
        };
        Some(terms(source?))
    }
}

fn read_source(issuer: Option<String>, jwks_url: Option<String>, flaws: &mut Flaws) -> Option<Source> {
    let Some(issuer) = issuer else {
        flaws.add("issuer", "is missing");
        return None;
    };
    let issuer = String::from(flaws.take("issuer", Claim::parse(issuer))?);
    if let Some(url) = jwks_url {
        let url = flaws.take("jwks_url", Url::parse(&url))?;
        return Some(Source::Jwks { issuer, url });
    }
    let issuer = flaws.take("issuer", Url::parse(&issuer))?;
    if discovery_url(&issuer).is_none() {
        flaws.add("issuer", "discovery needs a URL without a query: give jwks_url instead");
        return None;
    }
    Some(Source::Discovery { issuer })
}

/// A tenant's own issuer speaks for that one, and may be written back as it was shown.
fn read_own_tenants(tenants: Option<Tenants>, owner: Option<&TenantId>, flaws: &mut Flaws) -> TenantScope {
    let scope = tenants.map_or(TenantScope::All, |tenants| read_tenants(tenants, flaws));
    if owner.is_some() && scope != TenantScope::All {
        flaws.add("tenants", "a tenant's own issuer speaks for that tenant alone: leave this out");
    }
    scope
}

fn read_role(text: Option<&str>, owner: Option<&TenantId>, flaws: &mut Flaws) -> RoleId {
    let editor = RoleId::Managed(ManagedRole::Editor);
    let Some(text) = text else { return editor };
    let own = owner.and_then(|owner| RoleId::parse(text, owner));
    let role = own.or_else(|| text.parse().ok());
    let rule = "is admin, editor, viewer or writer, or the id of one of the tenant's own roles";
    flaws.take("role", role.ok_or(rule)).unwrap_or(editor)
}

fn read_pace(form: RefreshForm, flaws: &mut Flaws) -> Pace {
    let usual = Pace::default();
    let mut span = |field, span: Option<Duration>, usual| match span {
        None => usual,
        Some(Duration::Seconds(seconds)) => time::Duration::from_secs(seconds.into()),
        Some(Duration::Text(text)) => flaws.take(field, humantime::parse_duration(&text)).unwrap_or(usual),
    };
    let interval = span("refresh.interval", form.interval, usual.interval());
    let min_interval = span("refresh.min_interval", form.min_interval, usual.min_interval());
    let grace = span("refresh.grace", form.grace, usual.grace());
    flaws.take("refresh", Pace::new(interval, min_interval, grace)).unwrap_or_default()
}

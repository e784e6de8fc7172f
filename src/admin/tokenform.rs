//! API tokens as they are written and shown on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Rest;
use super::problem::Refusal;
use super::words;
use crate::control::{Flaws, MadeToken, NewToken, Prose, ShownToken};
use crate::model::{MaxAge, Rights, Slug, TenantId, Timestamp};

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = ApiTokenForm)]
pub(super) struct Form {
    /// Unique among its owner's tokens.
    #[schema(value_type = words::Slug)]
    name: Option<String>,
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    /// For ever when left out.
    #[schema(value_type = Option<words::MaxAge>)]
    max_age: Option<String>,
    /// Whether each use moves its end to `maxAge` from then.
    #[schema(default = false)]
    extended: Option<bool>,
    /// What of its owner's rights it has: `metrics:write`, `*:read`, `API_TOKEN:CREATE`, …. All when
    /// left out. A token with scopes never makes its owner a super admin.
    #[schema(value_type = Option<Vec<words::Scope>>, min_items = 1)]
    scopes: Option<Vec<String>>,
    /// The one tenant in which it is good; its owner needs access there. All of its owner's when left
    /// out. A token with a tenant never makes its owner a super admin.
    #[schema(value_type = Option<words::TenantId>)]
    tenant: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Rest,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MadeApiToken)]
pub(super) struct Made {
    #[schema(example = "2XDKrmqyHDkoGnU11wlj87")]
    id: String,
    #[schema(example = "ci")]
    name: String,
    /// The token itself. It is shown this once.
    #[schema(example = "tnt_2XDKrmqyHDkoGnU11wlj87_…")]
    full_token: String,
}

/// A token as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiToken)]
pub(super) struct Shown {
    #[schema(example = "2XDKrmqyHDkoGnU11wlj87")]
    id: String,
    #[schema(example = "ci")]
    name: String,
    description: String,
    /// What the token begins with.
    #[schema(example = "tnt_2XDKrmqyHDkoGnU11wlj87")]
    prefix: String,
    /// When it was made (RFC 3339).
    #[schema(format = DateTime)]
    iat: String,
    /// When it ends (RFC 3339); left out when it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, required = false, value_type = String)]
    exp: Option<String>,
    /// When it was last used (RFC 3339), to the minute; left out when it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, required = false, value_type = String)]
    last_used: Option<String>,
    extended: bool,
    /// Whether it has ended. It is deleted 30 days after that.
    expired: bool,
    /// How long it is good for, as an ISO 8601 duration; left out when for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "P30D", required = false, value_type = String)]
    max_age: Option<String>,
    /// What of its owner's rights it has; left out when all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["metrics:write"]), required = false, value_type = Vec<String>)]
    scopes: Option<Vec<String>>,
    /// The one tenant in which it is good; left out when all of its owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "acme", required = false, value_type = String)]
    tenant: Option<String>,
}

/// All tokens of an owner, the oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiTokens)]
pub(super) struct All {
    results: Vec<Shown>,
    total: usize,
}

impl All {
    pub(super) fn new(tokens: Vec<ShownToken>, now: Timestamp) -> Self {
        let results: Vec<_> = tokens.into_iter().map(|token| Shown::new(token, now)).collect();
        All { total: results.len(), results }
    }
}

impl Shown {
    fn new(ShownToken { token, last_used }: ShownToken, now: Timestamp) -> Self {
        let expires = token.expires(last_used);
        Shown {
            id: token.id.to_string(),
            name: token.name.to_string(),
            description: token.description,
            prefix: format!("tnt_{}", token.id),
            iat: token.created_at.to_string(),
            exp: expires.map(|at| Timestamp::from_seconds(at).to_string()),
            last_used: last_used.map(|at| at.to_string()),
            extended: token.extended,
            expired: expires.is_some_and(|at| now.seconds() >= at),
            max_age: token.max_age.and_then(|age| MaxAge::new(age).ok()).map(|age| age.to_string()),
            scopes: token.scopes.map(|scopes| scopes.texts().collect()),
            tenant: token.tenant.map(String::from),
        }
    }
}

impl From<MadeToken> for Made {
    fn from(made: MadeToken) -> Self {
        Made {
            id: made.id.to_string(),
            name: made.name.to_string(),
            full_token: made.text.reveal().to_owned(),
        }
    }
}

impl Form {
    pub(super) fn create(self) -> Result<NewToken, Refusal> {
        let mut flaws = Flaws::default();
        self.rest.refuse(&[], &mut flaws);
        let name = match self.name {
            Some(name) => flaws.take("name", Slug::parse(&name)),
            None => flaws.take("name", Err("is missing")),
        };
        let description = flaws.take("description", Prose::parse(self.description.unwrap_or_default()));
        let max_age = self.max_age.and_then(|text| flaws.take("maxAge", text.parse()));
        let scopes = self.scopes.and_then(|scopes| read_scopes(&scopes, &mut flaws));
        let tenant = self.tenant.and_then(|id| flaws.take("tenant", TenantId::parse(&id)));
        let extended = self.extended.unwrap_or(false);
        if extended && max_age.is_none() {
            flaws.add("extended", "needs a maxAge: what has no end cannot be extended");
        }
        let name = flaws.yields(name)?;
        Ok(NewToken { name, description: description.unwrap_or_default(), max_age, extended, scopes, tenant })
    }
}

fn read_scopes(texts: &[String], flaws: &mut Flaws) -> Option<Rights> {
    if texts.is_empty() {
        flaws.add("scopes", "names at least one; leave it out for all that the owner may");
    }
    flaws.take("scopes", Rights::parse(texts.iter().map(String::as_str)))
}

//! How texts look on the wire: one schema per kind of text, for readers of the document. What a text
//! has to be is decided by the type that parses it; a word here says the same, or less where a pattern
//! cannot tell.
#![expect(dead_code, reason = "these only stand for texts in schemas, as `value_type` or in a path")]

use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The id of a tenant. Reserved words, and what begins with `xn--`, are refused.
#[derive(ToSchema)]
#[schema(
    example = "acme",
    min_length = 1,
    max_length = 63,
    pattern = "^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$"
)]
pub(super) struct TenantId(String);

/// By what somebody signs in; taken in any case.
#[derive(ToSchema)]
#[schema(
    example = "ann@example.com",
    min_length = 1,
    max_length = 254,
    pattern = r"^[^:\s\x00-\x1F\x7F-\x9F]{1,254}$"
)]
pub(super) struct UserName(String);

/// The name of a service in the configuration.
#[derive(ToSchema)]
#[schema(example = "cortex", min_length = 1, max_length = 63, pattern = "^[a-z][a-z0-9_-]{0,62}$")]
pub(super) struct ServiceName(String);

/// Nothing but an empty text.
#[derive(ToSchema)]
#[schema(max_length = 0)]
pub(super) struct Nothing(String);

/// An id that the gateway has drawn.
#[derive(ToSchema)]
#[schema(example = "2XDKrmqyHDkoGnU11wlj87", min_length = 22, max_length = 22, pattern = "^[0-9A-Za-z]{22}$")]
pub(super) struct Id(String);

/// How long a token is good for: an ISO 8601 duration without years and months (`PT1H`, `P30D`), or a
/// text such as `30d` or `1h 30m`; at most 36500 days.
#[derive(ToSchema)]
#[schema(
    example = "P30D",
    pattern = r"^(P([1-9][0-9]{0,3}W)?([1-9][0-9]{0,4}D)?(T([1-9][0-9]{0,5}H)?([1-9][0-9]{0,6}M)?([1-9][0-9]{0,7}S)?)?|([1-9][0-9]{0,4}(s|m|h|d|days|hours) ?)+)$"
)]
pub(super) struct MaxAge(String);

/// What may be done to a tenant's data, or in its administration.
#[derive(ToSchema)]
#[schema(
    example = "metrics:write",
    pattern = r"^(\*|(metrics|logs|traces|profiles|rules|alerts|data|\*):(read|write|delete|\*)|(TENANT|USER|SERVICE_ACCOUNT|GROUP|GROUP_MEMBERSHIP|ROLE|BINDING|INVITATION|API_TOKEN|KEY|SERVICE|AUDIT|\*):(CREATE|READ|UPDATE|DELETE|\*))$"
)]
pub(super) struct Scope(String);

/// A first or last name: one line, or nothing.
#[derive(ToSchema)]
#[schema(example = "Ann", max_length = 255, pattern = r"^[^\x00-\x1F\x7F-\x9F]{0,255}$")]
pub(super) struct GivenName(String);

/// A new password. The policy may want more of it.
#[derive(ToSchema)]
#[schema(format = Password, min_length = 8, max_length = 1024)]
pub(super) struct NewPassword(String);

/// The `kid` of a key: printable ASCII without space.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 256, pattern = "^[!-~]{1,256}$")]
pub(super) struct KeyId(String);

/// The name of an issuer, a service account or a token.
#[derive(ToSchema)]
#[schema(example = "company", min_length = 1, max_length = 63, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
pub(super) struct Slug(String);

/// An issuer as tokens name it: a URL as a rule.
#[derive(ToSchema)]
#[schema(
    example = "https://idp.example.com/realms/company",
    min_length = 1,
    max_length = 1024,
    pattern = r"^[^\x00-\x1F\x7F-\x9F]{1,1024}$"
)]
pub(super) struct Issuer(String);

/// A URL that the gateway fetches: no user, no fragment.
#[derive(ToSchema)]
#[schema(
    example = "https://idp.example.com/jwks",
    max_length = 2048,
    pattern = "^https?://[^/?#@]+([/?][^#]*)?$"
)]
pub(super) struct Url(String);

/// A role: admin, editor, viewer, writer, or the id of a tenant's own.
#[derive(ToSchema)]
#[schema(example = "viewer", min_length = 1, max_length = 100)]
pub(super) struct IssuerRole(String);

/// By which field a list runs, and which way.
#[derive(ToSchema)]
#[schema(example = "id:asc", pattern = "^[A-Za-z_]+(:(asc|desc))?$")]
pub(super) struct Order(String);

/// What people call something: one line.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1F\x7F-\x9F]{1,255}$")]
pub(super) struct Name(String);

/// What a label says: one line, or nothing. Null takes it out.
pub(super) struct Label;

impl PartialSchema for Label {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .max_length(Some(255))
            .pattern(Some(r"^[^\x00-\x1F\x7F-\x9F]{0,255}$"))
            .into()
    }
}

impl ToSchema for Label {}

/// The id of a role: of a managed one, its word and the tenant's id.
#[derive(ToSchema)]
#[schema(example = "viewer_acme", min_length = 1, max_length = 80, pattern = "^[A-Za-z0-9_-]{1,80}$")]
pub(super) struct RoleId(String);

/// What people write about something: lines and tabs, no other control characters.
#[derive(ToSchema)]
#[schema(max_length = 4096, pattern = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]{0,4096}$")]
pub(super) struct Prose(String);

/// The name of a claim, or a value that one must have: one line.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 1024, pattern = r"^[^\x00-\x1F\x7F-\x9F]{1,1024}$")]
pub(super) struct Claim(String);

/// What stands before the tenant's id in a claim: one line, or nothing.
#[derive(ToSchema)]
#[schema(max_length = 1024, pattern = r"^[^\x00-\x1F\x7F-\x9F]{0,1024}$")]
pub(super) struct Prefix(String);

/// What may be done to a tenant's data.
#[derive(ToSchema)]
#[schema(
    example = "metrics:read",
    pattern = r"^(\*|(metrics|logs|traces|profiles|rules|alerts|data|\*):(read|write|delete|\*))$"
)]
pub(super) struct Grant(String);

/// How tokens are signed (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(ToSchema)]
pub(super) enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// A method of HTTP (RFC 9110 §9).
#[derive(ToSchema)]
#[schema(example = "GET", min_length = 1, max_length = 32, pattern = "^[A-Z]+$")]
pub(super) struct HttpMethod(String);

/// A phase of a request, in their order.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Phase {
    Listener,
    Target,
    Credential,
    Identity,
    Permission,
    Limits,
    Upstream,
}

/// Nothing but false.
pub(super) struct Never;

impl PartialSchema for Never {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false])).into()
    }
}

impl ToSchema for Never {}

/// The word for all tenants.
#[derive(ToSchema)]
#[schema(example = "all", pattern = "^all$")]
pub(super) struct All(String);

/// A key as PEM, or a JWK as a text.
#[derive(ToSchema)]
#[schema(example = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAWvF+NAjWnyzl2K8/Wyu8Id7PX0OdrmGZuibFA7mnmwI=\n\
        -----END PUBLIC KEY-----")]
pub(super) struct Pem(String);

/// How far a token's times may be off, in seconds.
#[derive(ToSchema)]
#[schema(example = 0, minimum = 0, maximum = 60)]
pub(super) struct Leeway(u8);

/// A moment (RFC 3339), in UTC.
#[derive(ToSchema)]
#[schema(
    example = "2026-01-31T12:00:00Z",
    pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$"
)]
pub(super) struct Moment(String);

/// What was done, or tried. PRUNE: old entries of the audit log were removed, as its retention says.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Deed {
    Create,
    Update,
    Delete,
    SignIn,
    SignOut,
    Prune,
}

/// How it ended.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Outcome {
    Done,
    Refused,
}

/// The number of an entry of the audit log.
#[derive(ToSchema)]
#[schema(example = 1, minimum = 1)]
pub(super) struct EntryNumber(u64);

/// What a link of an invitation ends with: a secret.
#[derive(ToSchema)]
#[schema(pattern = "^tni_[0-9A-Za-z]{22}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}$")]
pub(super) struct Ticket(String);

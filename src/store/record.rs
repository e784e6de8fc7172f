//! The kinds of records, their names, and where each lies. Knows what a record is called, nothing
//! of what it may say.

use std::borrow::Cow;
use std::fmt;

use crate::model::{
    ApiToken, AuditEntry, AuditMark, Binding, Group, Id, Invitation, InvitationPlace, Issuer, IssuerKeys,
    KeyId, Member, OrgId, OrgRecord, Place, Principal, Role, ServiceAccount, Session, Slug, Tenant, TenantId,
    TokenUse, TrustedKey, User,
};

/// Something that can be kept: a type of the model that is a record of its own.
pub trait Recorded: Sized + Clone {
    const KIND: Kind;

    fn record_id(&self) -> RecordId;

    /// None when the record is of another kind.
    fn from_record(record: Record) -> Option<Self>;

    /// None when the record is of another kind.
    fn of_record(record: &Record) -> Option<&Self>;
}

/// Which name is taken, and by whom: what makes names unique.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TakenName {
    pub name: UniqueName,
    pub id: Id,
}

/// A name within the space in which it is unique. In lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UniqueName {
    User(String),
    /// Among those of a tenant, or of the instance.
    ServiceAccount(Option<TenantId>, String),
    Group(TenantId, String),
    Role(TenantId, String),
}

macro_rules! records {
    ($($(#[$doc:meta])* $kind:ident($type:ty) = $table:literal, $noun:literal, |$record:ident| $id:expr;)+) => {
        /// The kinds of records; each has its own table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $kind,)+ }

        /// One record's content.
        #[derive(Clone, PartialEq, Eq)]
        pub enum Record { $($kind($type),)+ }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$kind,)+];

            /// The name of its table, and of the kind in paths and logs. On disk: never to be changed.
            pub const fn table(self) -> &'static str {
                match self { $(Kind::$kind => $table,)+ }
            }

            /// What people call one such record.
            pub const fn noun(self) -> &'static str {
                match self { $(Kind::$kind => $noun,)+ }
            }
        }

        impl Record {
            pub fn id(&self) -> RecordId {
                match self { $(Record::$kind(record) => record.record_id(),)+ }
            }

            pub(super) fn write(&self, bytes: &mut Vec<u8>) -> Result<(), serde_json::Error> {
                match self { $(Record::$kind(record) => serde_json::to_writer(bytes, record),)+ }
            }

            pub(super) fn read(kind: Kind, json: &[u8]) -> Result<Record, serde_json::Error> {
                match kind { $(Kind::$kind => serde_json::from_slice(json).map(Record::$kind),)+ }
            }

            /// The record as JSON, hashes and all: see who may see it.
            pub fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
                match self { $(Record::$kind(record) => serde_json::to_value(record),)+ }
            }
        }

        $(
            impl Recorded for $type {
                const KIND: Kind = Kind::$kind;

                fn record_id(&self) -> RecordId {
                    let $record = self;
                    $id
                }

                fn from_record(record: Record) -> Option<Self> {
                    match record { Record::$kind(record) => Some(record), _ => None }
                }

                fn of_record(record: &Record) -> Option<&Self> {
                    match record { Record::$kind(record) => Some(record), _ => None }
                }
            }

            impl From<$type> for Record {
                fn from(record: $type) -> Record {
                    Record::$kind(record)
                }
            }

            impl From<$type> for Box<Record> {
                fn from(record: $type) -> Box<Record> {
                    Box::new(Record::$kind(record))
                }
            }
        )+
    };
}

records! {
    Tenant(Tenant) = "tenants", "tenant", |r| RecordId::Tenant(r.id.clone());
    Org(OrgRecord) = "orgs", "org id", |r| RecordId::Org(r.org_id.clone());
    Key(TrustedKey) = "keys", "key", |r| RecordId::Key(r.owner.clone(), r.id.clone());
    Issuer(Issuer) = "issuers", "issuer", |r| RecordId::Issuer(r.owner.clone(), r.id.clone());
    IssuerKeys(IssuerKeys) = "issuer-keys", "keys of issuer",
        |r| RecordId::IssuerKeys(r.owner.clone(), r.issuer.clone());
    User(User) = "users", "user", |r| RecordId::User(r.id);
    ServiceAccount(ServiceAccount) = "service-accounts", "service account",
        |r| RecordId::ServiceAccount(r.tenant.clone(), r.id);
    Role(Role) = "roles", "role", |r| RecordId::Role(r.tenant.clone(), r.id);
    Group(Group) = "groups", "group", |r| RecordId::Group(r.tenant.clone(), r.id);
    Member(Member) = "members", "member", |r| RecordId::Member(r.tenant.clone(), r.principal);
    Binding(Binding) = "bindings", "binding", |r| RecordId::Binding(r.tenant.clone(), r.id);
    Token(ApiToken) = "api-tokens", "API token", |r| RecordId::Token(r.owner, r.id);
    TokenUse(TokenUse) = "token-uses", "use of an API token", |r| RecordId::TokenUse(r.token);
    Invitation(Invitation) = "invitations", "invitation", |r| RecordId::Invitation(r.tenant.clone(), r.id);
    InvitationPlace(InvitationPlace) = "invitation-places", "place of an invitation",
        |r| RecordId::InvitationPlace(r.id);
    Session(Session) = "sessions", "session", |r| RecordId::Session(r.id);
    Name(TakenName) = "names", "name", |r| RecordId::Name(r.name.clone());
    Audit(AuditEntry) = "audit", "audit entry", |r| RecordId::Audit(r.number);
    AuditMark(AuditMark) = "audit-marks", "place in the audit log", |r| RecordId::AuditMark(r.place.clone());
}

/// Names one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordId {
    Tenant(TenantId),
    Org(OrgId),
    /// The owner is the instance when none; so with service accounts.
    Key(Option<TenantId>, KeyId),
    Issuer(Option<TenantId>, Slug),
    IssuerKeys(Option<TenantId>, Slug),
    User(Id),
    ServiceAccount(Option<TenantId>, Id),
    Role(TenantId, Id),
    Group(TenantId, Id),
    Member(TenantId, Principal),
    Binding(TenantId, Id),
    Token(Principal, Id),
    TokenUse(Id),
    Invitation(TenantId, Id),
    InvitationPlace(Id),
    Session(Id),
    Name(UniqueName),
    Audit(u64),
    AuditMark(Place),
}

impl RecordId {
    pub const fn kind(&self) -> Kind {
        match self {
            RecordId::Tenant(_) => Kind::Tenant,
            RecordId::Org(_) => Kind::Org,
            RecordId::Key(..) => Kind::Key,
            RecordId::Issuer(..) => Kind::Issuer,
            RecordId::IssuerKeys(..) => Kind::IssuerKeys,
            RecordId::User(_) => Kind::User,
            RecordId::ServiceAccount(..) => Kind::ServiceAccount,
            RecordId::Role(..) => Kind::Role,
            RecordId::Group(..) => Kind::Group,
            RecordId::Member(..) => Kind::Member,
            RecordId::Binding(..) => Kind::Binding,
            RecordId::Token(..) => Kind::Token,
            RecordId::TokenUse(_) => Kind::TokenUse,
            RecordId::Invitation(..) => Kind::Invitation,
            RecordId::InvitationPlace(_) => Kind::InvitationPlace,
            RecordId::Session(_) => Kind::Session,
            RecordId::Name(_) => Kind::Name,
            RecordId::Audit(_) => Kind::Audit,
            RecordId::AuditMark(_) => Kind::AuditMark,
        }
    }

    /// Its key in its table. What belongs together has the same beginning up to a slash.
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            RecordId::Tenant(id) => id.as_str().into(),
            RecordId::Org(id) => id.as_str().into(),
            RecordId::Key(owner, id) => format!("{}{id}", within(owner.as_ref())).into(),
            RecordId::Issuer(owner, id) | RecordId::IssuerKeys(owner, id) => {
                format!("{}{id}", within(owner.as_ref())).into()
            }
            RecordId::ServiceAccount(owner, id) => format!("{}{id}", within(owner.as_ref())).into(),
            RecordId::User(id)
            | RecordId::TokenUse(id)
            | RecordId::InvitationPlace(id)
            | RecordId::Session(id) => id.to_string().into(),
            RecordId::Role(tenant, id)
            | RecordId::Group(tenant, id)
            | RecordId::Binding(tenant, id)
            | RecordId::Invitation(tenant, id) => format!("{tenant}/{id}").into(),
            RecordId::Member(tenant, principal) => format!("{tenant}/{}", principal.id()).into(),
            RecordId::Token(owner, id) => format!("{}/{id}", owner.id()).into(),
            RecordId::Name(name) => name.key().into(),
            // In the order of the numbers.
            RecordId::Audit(number) => format!("{number:020}").into(),
            RecordId::AuditMark(place) => format!("{}/{:020}", place.org_id, place.nth).into(),
        }
    }

    /// The tenant that it belongs to; none for what is the instance's.
    pub const fn tenant(&self) -> Option<&TenantId> {
        match self {
            RecordId::Tenant(tenant)
            | RecordId::Role(tenant, _)
            | RecordId::Group(tenant, _)
            | RecordId::Member(tenant, _)
            | RecordId::Binding(tenant, _)
            | RecordId::Invitation(tenant, _) => Some(tenant),
            RecordId::Key(owner, _)
            | RecordId::Issuer(owner, _)
            | RecordId::IssuerKeys(owner, _)
            | RecordId::ServiceAccount(owner, _) => owner.as_ref(),
            RecordId::Org(_)
            | RecordId::User(_)
            | RecordId::Token(..)
            | RecordId::TokenUse(_)
            | RecordId::InvitationPlace(_)
            | RecordId::Session(_)
            | RecordId::Name(_)
            | RecordId::Audit(_)
            | RecordId::AuditMark(_) => None,
        }
    }
}

/// What the keys of all records of an owner begin with.
pub fn within(owner: Option<&TenantId>) -> String {
    format!("{}/", owner.map_or("", TenantId::as_str))
}

/// What the keys of all names begin with that are taken within a tenant.
pub fn names_within(tenant: &TenantId) -> [String; 3] {
    ["group", "role", "service-account"].map(|space| format!("{space}/{}", within(Some(tenant))))
}

impl UniqueName {
    fn key(&self) -> String {
        match self {
            UniqueName::User(name) => format!("user/{name}"),
            UniqueName::ServiceAccount(owner, name) => {
                format!("service-account/{}{name}", within(owner.as_ref()))
            }
            UniqueName::Group(tenant, name) => format!("group/{tenant}/{name}"),
            UniqueName::Role(tenant, name) => format!("role/{tenant}/{name}"),
        }
    }
}

/// As people read it: `tenant "acme"`, `binding "5xV…" of tenant "acme"`.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let RecordId::Name(UniqueName::User(name)) = self {
            return write!(f, "user {name:?}");
        }
        let key = self.key();
        let own = match self {
            RecordId::Tenant(_) | RecordId::Org(_) | RecordId::Name(_) => key.as_ref(),
            _ => key.split_once('/').map_or(key.as_ref(), |(_, own)| own),
        };
        write!(f, "{} {own:?}", self.kind().noun())?;
        match (self, self.tenant()) {
            (RecordId::Tenant(_), _) | (_, None) => Ok(()),
            (_, Some(tenant)) => write!(f, " of tenant \"{tenant}\""),
        }
    }
}

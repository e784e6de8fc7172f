//! Documents of the instance's own users and service accounts.

use serde::Deserialize;
use utoipa::ToSchema;

use super::super::body::nullable;
use super::super::words;
use crate::control::apply::{AccountDocument, Says, UserDocument};
use crate::control::{Flaws, Name, Prose};
use crate::model::{Secret, Slug, UserName};

/// A user.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a map of fields")]
#[schema(as = UserDocument)]
pub(super) struct UserForm {
    #[expect(dead_code, reason = "has been looked at")]
    kind: UserKind,
    /// By what the user signs in: this names the document's user.
    #[schema(value_type = words::UserName)]
    email: String,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<words::GivenName>)]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<words::GivenName>)]
    last_name: Option<Option<String>>,
    super_admin: Option<bool>,
    restricted: Option<bool>,
    disabled: Option<bool>,
    /// Of a user who is made; with `resetPasswords` also of one who is there. It is never shown.
    #[schema(value_type = Option<words::NewPassword>)]
    password: Option<String>,
}

/// The kind of these documents.
#[derive(Deserialize, ToSchema)]
enum UserKind {
    User,
}

impl UserForm {
    pub(super) fn read(self, at: &str, flaws: &mut Flaws) -> Option<Says> {
        let mut name = |field: &str, text: Option<Option<String>>| {
            let text = text.map(|text| text.filter(|text| !text.is_empty()));
            text.map(|text| flaws.take(&format!("{at}.{field}"), Name::parse(text?)))
        };
        let (first_name, last_name) = (name("firstName", self.first_name), name("lastName", self.last_name));
        let email = flaws.take(&format!("{at}.email"), UserName::parse(&self.email))?;
        Some(Says::User(UserDocument {
            name: email,
            first_name,
            last_name,
            super_admin: self.super_admin,
            restricted: self.restricted,
            disabled: self.disabled,
            password: self.password.map(Secret::new),
        }))
    }
}

/// A service account of the instance.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a map of fields")]
#[schema(as = ServiceAccountDocument)]
pub(super) struct AccountForm {
    #[expect(dead_code, reason = "has been looked at")]
    kind: AccountKind,
    #[schema(value_type = words::Slug)]
    name: String,
    #[schema(value_type = Option<words::Prose>)]
    description: Option<String>,
    super_admin: Option<bool>,
    disabled: Option<bool>,
}

/// The kind of these documents.
#[derive(Deserialize, ToSchema)]
#[schema(as = ServiceAccountKind)]
enum AccountKind {
    ServiceAccount,
}

impl AccountForm {
    pub(super) fn read(self, at: &str, flaws: &mut Flaws) -> Option<AccountDocument> {
        let name = flaws.take(&format!("{at}.name"), Slug::parse(&self.name));
        let description = self.description.map(Prose::parse).transpose();
        let description = flaws.take(&format!("{at}.description"), description);
        Some(AccountDocument {
            name: name?,
            description: description?,
            disabled: self.disabled,
            super_admin: self.super_admin,
        })
    }
}

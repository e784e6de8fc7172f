//! What the handling of a request finds out about who asks, so that the audit log can tell of what
//! was refused to them. Chooses no status; no credential is in it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, Method, StatusCode};
use axum::response::Response;

use crate::auth::{LOCKED, RefusedSignIn, WRONG_PASSWORD};
use crate::control::{Authority, Control, RefusedWrite, Via};
use crate::model::{Deed, TenantId, Timestamp};

/// Goes along with a request.
#[derive(Clone, Default)]
pub(super) struct Trail(Arc<Mutex<Option<Who>>>);

/// Who asks, as far as that is known.
#[derive(Clone)]
enum Who {
    Known(Box<Authority>),
    /// They have shown a credential, with this name.
    Claimed(String, Via),
}

/// Why something was refused to somebody known, as they are told; goes along with the answer.
#[derive(Clone)]
pub(super) struct Reason(pub String);

/// Sees to it that a request's trail is told of also when it is never answered.
pub(super) struct Watch<'a> {
    pub control: &'a Control,
    pub trail: &'a Trail,
    pub asked: &'a Asked,
}

/// What was asked for.
pub(super) struct Asked {
    pub method: Method,
    pub path: String,
    pub address: IpAddr,
    pub request_id: String,
}

const FOREIGN: &str = "no access to this tenant, if there is one";
const HUNG_UP: &str = "the caller hung up before there was an answer";

/// The longest id that is told of, in bytes: ids come as callers wrote them.
const LONGEST: usize = 256;

impl<S: Sync> FromRequestParts<S> for Trail {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Trail::of(&parts.extensions))
    }
}

impl Trail {
    /// The one of a request; one that leads nowhere when it has none.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Trail>().cloned().unwrap_or_default()
    }

    /// A credential was shown, and is not proven yet.
    pub(super) fn claimed(&self, user: &str, via: Via) {
        self.set(Who::Claimed(user.to_owned(), via));
    }

    pub(super) fn known(&self, authority: &Authority) {
        self.set(Who::Known(Box::new(authority.clone())));
    }

    fn set(&self, who: Who) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(who);
    }

    /// Tells the audit log, if this was a failed sign-in or a refused write.
    pub(super) fn tell(&self, control: &Control, asked: &Asked, response: &Response) {
        let Some(who) = self.take() else { return };
        match (who, response.status()) {
            (Who::Claimed(user, via), StatusCode::UNAUTHORIZED) => {
                asked.refused_sign_in(control, &user, via, wrong(via));
            }
            (Who::Claimed(user, via), StatusCode::TOO_MANY_REQUESTS) => {
                asked.refused_sign_in(control, &user, via, LOCKED);
            }
            (Who::Known(authority), status @ (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)) => {
                let reason = response.extensions().get::<Reason>();
                let reason = reason.map_or_else(|| FOREIGN.to_owned(), |Reason(reason)| reason.clone());
                let refused = refused_write(asked, reason);
                // What is not there is no refusal, unless it is not there for this caller.
                let told = |refused: &RefusedWrite| {
                    status == StatusCode::FORBIDDEN || control.is_foreign(&authority, refused.tenant.as_ref())
                };
                if let Some(refused) = refused.filter(told) {
                    control.refused_write(&authority, refused, Timestamp::now());
                }
            }
            _ => {}
        }
    }

    fn take(&self) -> Option<Who> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Asked {
    fn refused_sign_in(&self, control: &Control, user: &str, via: Via, reason: &str) {
        let refused = RefusedSignIn {
            user,
            via: via.as_str(),
            address: &self.address.to_string(),
            request_id: &self.request_id,
            tenant: None,
            reason,
        };
        control.refused_sign_in(&refused, Timestamp::now());
    }
}

impl Drop for Watch<'_> {
    /// Whoever hangs up while a password is being checked has made a guess all the same.
    fn drop(&mut self) {
        if let Some(Who::Claimed(user, Via::Password)) = self.trail.take() {
            self.asked.refused_sign_in(self.control, &user, Via::Password, HUNG_UP);
        }
    }
}

const fn wrong(via: Via) -> &'static str {
    match via {
        Via::Password => WRONG_PASSWORD,
        Via::ApiToken | Via::Jwt => "the token is none that is good now",
        Via::Invitation => "the invitation is none that is good now",
        Via::Session => "the session is none that is good now",
    }
}

/// What a write was about, by its path: `/api/v1/tenants/acme`, `/api/v1/acme/bindings/…`. The first
/// word of a path is a tenant's id where it can be one: words that mean something else are none.
fn refused_write(asked: &Asked, reason: String) -> Option<RefusedWrite> {
    let deed = match asked.method {
        Method::POST => Deed::Create,
        Method::PUT | Method::PATCH => Deed::Update,
        Method::DELETE => Deed::Delete,
        _ => return None,
    };
    let path = asked.path.strip_prefix("/api/v1/").unwrap_or(&asked.path);
    let (first, below) = path.split_once('/').unwrap_or((path, ""));
    let tenant = TenantId::parse(first).ok();
    let (resource, id) = match tenant {
        Some(_) => below.split_once('/').unwrap_or((below, "")),
        None => (first, below),
    };
    let cut = |text: &str| text.chars().take(LONGEST).collect();
    Some(RefusedWrite { deed, resource: cut(resource), id: cut(id), tenant, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, path: &str) -> Option<(Deed, String, String, Option<String>)> {
        let asked = Asked {
            method,
            path: path.to_owned(),
            address: IpAddr::from([192, 0, 2, 1]),
            request_id: "r".to_owned(),
        };
        let refused = refused_write(&asked, "why".to_owned())?;
        Some((refused.deed, refused.resource, refused.id, refused.tenant.map(String::from)))
    }

    #[test]
    fn paths_say_what_was_to_be_written() {
        let told = |deed, resource: &str, id: &str, tenant: Option<&str>| {
            Some((deed, resource.to_owned(), id.to_owned(), tenant.map(str::to_owned)))
        };
        assert_eq!(read(Method::POST, "/api/v1/tenants"), told(Deed::Create, "tenants", "", None));
        assert_eq!(read(Method::PATCH, "/api/v1/tenants/acme"), told(Deed::Update, "tenants", "acme", None));
        let binding = read(Method::DELETE, "/api/v1/acme/bindings/5xV");
        assert_eq!(binding, told(Deed::Delete, "bindings", "5xV", Some("acme")));
        let seat = read(Method::PUT, "/api/v1/acme/groups/g/members/u");
        assert_eq!(seat, told(Deed::Update, "groups", "g/members/u", Some("acme")));
        assert_eq!(read(Method::GET, "/api/v1/tenants"), None);
        let long = read(Method::DELETE, &format!("/api/v1/keys/{}", "k".repeat(9999)));
        assert_eq!(long.map(|(_, _, id, _)| id.len()), Some(LONGEST));
    }
}

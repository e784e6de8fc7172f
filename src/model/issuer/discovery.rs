//! OpenID Connect Discovery 1.0: where an issuer describes itself, and where that description says
//! that its keys are.

use serde::Deserialize;

use crate::model::{Url, UrlError};

/// Why a description is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    #[error("the discovery document is no JSON object with issuer and jwks_uri: {0}")]
    Form(String),
    #[error("the discovery document is another issuer's: it says {found:?}, expected {expected:?}")]
    Issuer { found: String, expected: String },
    #[error("jwks_uri in the discovery document: {0}")]
    Keys(#[from] UrlError),
    #[error("the issuer is at https://, and its discovery document names keys at http://")]
    Downgrade,
}

/// Where an issuer's description is (§4): a slash at the issuer's end is not doubled. None for an
/// issuer with a query, which has no such place, or one that is too long.
pub fn discovery_url(issuer: &Url) -> Option<Url> {
    if issuer.has_query() {
        return None;
    }
    let base = issuer.as_str();
    let base = base.strip_suffix('/').unwrap_or(base);
    Url::parse(&format!("{base}/.well-known/openid-configuration")).ok()
}

/// Where an issuer's keys are, according to its description (§3), which must be its own (§4.3).
pub fn discovered(document: &[u8], issuer: &Url) -> Result<Url, DiscoveryError> {
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        jwks_uri: String,
    }

    let document: Document =
        serde_json::from_slice(document).map_err(|error| DiscoveryError::Form(error.to_string()))?;
    if document.issuer != issuer.as_str() {
        return Err(DiscoveryError::Issuer { found: document.issuer, expected: issuer.to_string() });
    }
    let keys = Url::parse(&document.jwks_uri)?;
    match issuer.is_https() && !keys.is_https() {
        true => Err(DiscoveryError::Downgrade),
        false => Ok(keys),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn the_place_is_found() {
        for (issuer, place) in [
            ("https://idp.example.com", "https://idp.example.com/.well-known/openid-configuration"),
            ("https://idp.example.com/", "https://idp.example.com/.well-known/openid-configuration"),
            ("https://idp/realms/a", "https://idp/realms/a/.well-known/openid-configuration"),
        ] {
            assert_eq!(discovery_url(&url(issuer)), Some(url(place)));
        }
        assert_eq!(discovery_url(&url("https://idp/?realm=a")), None);
    }

    #[test]
    fn a_description_names_its_own_issuer_and_safe_keys() {
        let read = |issuer: &str, keys: &str| {
            let document = json!({"issuer": issuer, "jwks_uri": keys, "scopes_supported": ["openid"]});
            discovered(document.to_string().as_bytes(), &url("https://idp/a"))
        };
        assert_eq!(read("https://idp/a", "https://keys/jwks"), Ok(url("https://keys/jwks")));
        for other in ["https://idp/a/", "https://idp/A", "https://IDP/a", "https://idp", "", "idp"] {
            let named = matches!(read(other, "https://keys/jwks"), Err(DiscoveryError::Issuer { .. }));
            assert!(named, "{other}");
        }
        assert_eq!(read("https://idp/a", "http://keys/jwks"), Err(DiscoveryError::Downgrade));
        for scheme in ["file:///etc/passwd", "/jwks", "data:,{}"] {
            assert_eq!(
                read("https://idp/a", scheme),
                Err(DiscoveryError::Keys(UrlError::Scheme)),
                "{scheme}"
            );
        }
        let plain = json!({"issuer": "http://idp", "jwks_uri": "http://idp/jwks"}).to_string();
        assert_eq!(discovered(plain.as_bytes(), &url("http://idp")), Ok(url("http://idp/jwks")));
        for broken in [
            "",
            "[]",
            "{}",
            r#"{"issuer":"https://idp/a"}"#,
            r#"{"issuer":["https://idp/a"],"jwks_uri":"https://k"}"#,
            r#"{"issuer":"https://idp/a","issuer":"https://idp/a","jwks_uri":"https://k"}"#,
        ] {
            let read = discovered(broken.as_bytes(), &url("https://idp/a"));
            assert!(matches!(read, Err(DiscoveryError::Form(_))), "{broken}");
        }
    }
}

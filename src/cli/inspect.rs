//! `token inspect`: shows what a token says, and whether a key's signature is on it. Grants nothing
//! and asks no gateway.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::fault::Failure;
use super::keypair;
use super::prompt;
use super::show::{self, say};
use crate::model::{Algorithm, PublicKey, ReadKey, Secret, Timestamp};

/// Arguments of `token inspect`.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenInspect {
    /// The token; - reads it from standard input
    #[arg(default_value = "-", hide_default_value = true)]
    pub token: String,
    /// Check the signature with this key (PEM or JWK, public or private)
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// What a token says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    pub signature: Signature,
    now: Timestamp,
}

/// Whether a token was signed with the key that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// No key was given.
    Unchecked,
    Valid,
    /// With the reason.
    Invalid(String),
}

/// Header and claims go to stdout as JSON, what people want to know of them to stderr. Fails when
/// the text is no token or the given key has not signed it; that it has expired is no failure.
pub fn run(args: &TokenInspect, now: Timestamp) -> Result<(), Failure> {
    let key = args.key.as_deref().map(|file| {
        let text = keypair::read_file(file)?;
        PublicKey::read(&text).with_context(|| format!("{} holds no key", file.display()))
    });
    let key = key.transpose()?;
    let text = if args.token == "-" {
        prompt::token_in()?
    } else {
        prompt::overheard("token", "leave it out and write it to standard input");
        Secret::new(args.token.clone())
    };
    let inspection = Inspection::new(text.reveal().trim(), key.as_ref(), now)?;
    show::print_beside(&format!("{}\n", inspection.json()))?;
    say!("{}", inspection.to_string().trim_end());
    match inspection.signature {
        Signature::Invalid(_) => {
            Err(Failure::Other(anyhow!("the token's signature is not valid for this key")))
        }
        Signature::Valid | Signature::Unchecked => Ok(()),
    }
}

impl Inspection {
    /// Takes a token apart; checks its signature when a key is given. `now` decides what is expired.
    pub fn new(token: &str, key: Option<&ReadKey>, now: Timestamp) -> anyhow::Result<Self> {
        let parts: Vec<&str> = token.split('.').take(6).collect();
        let [header, claims, signature] = parts[..] else {
            bail!("this is no token: a token has three parts with dots between, this has {}", count(&parts));
        };
        let message = &token[..header.len() + 1 + claims.len()];
        let header = object("header", header)?;
        let claims = object("claims", claims)?;
        let signature = match key {
            None => Signature::Unchecked,
            Some(key) => {
                check(&header, message, signature, key).map_or_else(Signature::Invalid, |()| Signature::Valid)
            }
        };
        Ok(Inspection { header, claims, signature, now })
    }

    /// Header and claims as indented JSON, with members in alphabetical order.
    pub fn json(&self) -> String {
        let both = json!({"header": self.header, "claims": self.claims});
        printable(&format!("{both:#}"))
    }

    /// Whether the token's `exp` has come; none when it has no usable one.
    pub fn expired(&self) -> Option<bool> {
        self.date("exp").map(|expires| expires <= self.now)
    }

    fn date(&self, claim: &str) -> Option<Timestamp> {
        let value = self.claims.get(claim)?;
        let seconds = value.as_f64().filter(|seconds| *seconds >= 0.0)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction is cut off, and what is too large becomes the largest"
        )]
        let whole = seconds as u64;
        Some(Timestamp::from_seconds(value.as_u64().unwrap_or(whole)))
    }
}

/// The lines for people.
impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key_id = self.header.get("kid").map_or("none".to_owned(), |kid| printable(&kid.to_string()));
        writeln!(f, "key id:    {key_id}")?;
        let shown = |claim| match self.date(claim) {
            Some(date) => date.to_string(),
            None if self.claims.contains_key(claim) => "not a date".to_owned(),
            None => "not said".to_owned(),
        };
        writeln!(f, "issued:    {}", shown("iat"))?;
        let state = match self.expired() {
            Some(true) => " (expired)",
            Some(false) => " (not expired)",
            None => "",
        };
        writeln!(f, "expires:   {}{state}", shown("exp"))?;
        match &self.signature {
            Signature::Unchecked => writeln!(f, "signature: not checked; --key FILE checks it"),
            Signature::Valid => writeln!(f, "signature: valid"),
            Signature::Invalid(reason) => writeln!(f, "signature: invalid: {reason}"),
        }
    }
}

fn count(parts: &[&str]) -> String {
    match parts.len() {
        6.. => "more than five".to_owned(),
        5 => "five, as encrypted tokens have".to_owned(),
        few => few.to_string(),
    }
}

fn object(name: &str, part: &str) -> anyhow::Result<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| anyhow!("this is no token: its {name} part is no base64url without padding"))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| anyhow!("this is no token: its {name} part is no JSON object: {error}"))
}

/// Why the signature is not the key's.
fn check(header: &Map<String, Value>, message: &str, signature: &str, key: &ReadKey) -> Result<(), String> {
    let name = header.get("alg").and_then(Value::as_str).ok_or("the header has no \"alg\"")?;
    let algorithm: Algorithm = name.parse().map_err(|error| format!("the header's \"alg\" {error}"))?;
    if let Some(only) = key.algorithm.filter(|only| *only != algorithm) {
        return Err(format!("the token is signed with {algorithm}, the key is for {only}"));
    }
    let verifier = key.key.verifier(algorithm).map_err(|error| error.to_string())?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "it is no base64url without padding")?;
    verifier
        .verify_sig(message.as_bytes(), &signature)
        .map_err(|_| "another key has made it, or the token was changed".to_owned())
}

/// Control characters as JSON escapes: JSON leaves those beyond ASCII as they are, and a terminal
/// may obey them.
fn printable(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut text, c| {
        if c.is_control() && c != '\n' {
            write!(text, "\\u{:04x}", u32::from(c)).expect("a String takes every write");
        } else {
            text.push(c);
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::keypair::KeypairKind;
    use crate::cli::signer::Signer;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn signer() -> Signer {
        Signer::generate(KeypairKind::Ed25519).expect("randomness")
    }

    fn read_key(signer: &Signer) -> ReadKey {
        PublicKey::read(&signer.public().pem()).expect("a key")
    }

    #[test]
    fn a_token_is_shown_with_its_dates() {
        let signer = signer();
        let token = signer.sign(&json!({"iat": 1_633_088_451, "exp": 1_700_000_000})).expect("signs");
        let inspection = Inspection::new(&token, None, NOW).expect("a token");
        assert_eq!(inspection.expired(), Some(true));
        let id = signer.public().fingerprint();
        assert_eq!(
            inspection.to_string(),
            format!(
                "key id:    \"{id}\"\nissued:    2021-10-01T11:40:51.000Z\n\
                 expires:   2023-11-14T22:13:20.000Z (expired)\nsignature: not checked; --key FILE checks it\n"
            )
        );
        let shown: Value = serde_json::from_str(&inspection.json()).expect("JSON");
        assert_eq!(shown["header"]["alg"], "EdDSA");
        assert_eq!(shown["claims"]["exp"], 1_700_000_000);
    }

    #[test]
    fn the_end_of_a_token_is_told_to_the_second() {
        for (exp, expired) in [
            (json!(1_700_000_000_u64), Some(true)),
            (json!(1_700_000_001_u64), Some(false)),
            (json!(1_699_999_999.5), Some(true)),
            (json!(1e300), Some(false)),
            (json!(u64::MAX), Some(false)),
            (json!(-1), None),
            (json!("1700000000"), None),
            (json!(null), None),
        ] {
            let token = signer().sign(&json!({"exp": exp})).expect("signs");
            let inspection = Inspection::new(&token, None, NOW).expect("a token");
            assert_eq!(inspection.expired(), expired, "{exp}");
            assert_eq!(inspection.to_string().contains("not a date"), expired.is_none(), "{exp}");
        }
    }

    #[test]
    fn a_key_says_whether_the_signature_is_its_own() {
        let signer = signer();
        let token = signer.sign(&json!({"sub": "tenant-acme"})).expect("signs");
        let signature =
            |token: &str, key: &ReadKey| Inspection::new(token, Some(key), NOW).expect("a token").signature;
        let own = read_key(&signer);
        assert_eq!(signature(&token, &own), Signature::Valid);
        let other = read_key(&self::signer());
        assert!(matches!(signature(&token, &other), Signature::Invalid(_)));
        let p256 = read_key(&Signer::generate(KeypairKind::P256).expect("randomness"));
        assert!(matches!(signature(&token, &p256), Signature::Invalid(_)));

        let (message, mac) = token.rsplit_once('.').expect("three parts");
        let (header, _) = message.split_once('.').expect("three parts");
        for changed in [format!("{header}.e30.{mac}"), format!("{message}."), format!("{message}.!")] {
            assert!(matches!(signature(&changed, &own), Signature::Invalid(_)), "{changed}");
        }
        for alg in [json!({}), json!({"alg": "none"}), json!({"alg": "HS256"}), json!({"alg": ["EdDSA"]})] {
            let header = URL_SAFE_NO_PAD.encode(alg.to_string());
            assert!(
                matches!(signature(&format!("{header}.e30.{mac}"), &own), Signature::Invalid(_)),
                "{alg}"
            );
        }
    }

    #[test]
    fn a_token_cannot_command_the_terminal() {
        let token = signer()
            .with_key_id(None)
            .sign(&json!({"sub": "\u{9b}2J\u{1b}[2J", "iss": "\u{7f}é"}))
            .expect("signs");
        let shown = Inspection::new(&token, None, NOW).expect("a token").json();
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        let read: Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(read["claims"], json!({"sub": "\u{9b}2J\u{1b}[2J", "iss": "\u{7f}é"}));
    }

    #[test]
    fn garbage_is_called_so() {
        let deep = URL_SAFE_NO_PAD.encode("[".repeat(100_000));
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "e30.e30",
            "e30.e30.x.y",
            "e30=.e30.x",
            "W10.e30.x",
            "e30.bnVsbA.x",
            "é.é.é",
        ] {
            let error = Inspection::new(text, None, NOW).expect_err(text).to_string();
            assert!(error.starts_with("this is no token"), "{text}: {error}");
        }
        assert!(Inspection::new(&format!("{deep}.e30.x"), None, NOW).is_err());
        assert!(Inspection::new(&".".repeat(1 << 20), None, NOW).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_inspected_without_a_panic(
            header in r#"(\{("alg":"(EdDSA|RS256|x)")?\}|.{0,20})"#,
            claims in r#"(\{("exp":-?[0-9]{1,25}(\.5|e3)?)?\}|.{0,20})"#,
            rest in "(\\.?.{0,20}){0,3}",
        ) {
            let token = format!("{}.{}.{rest}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
            let key = ReadKey {
                key: PublicKey::read(ED25519).expect("a key").key,
                id: None,
                algorithm: None,
            };
            if let Ok(inspection) = Inspection::new(&token, Some(&key), NOW) {
                prop_assert_ne!(&inspection.signature, &Signature::Valid);
                prop_assert!(!inspection.json().is_empty() && !inspection.to_string().is_empty());
            }
        }
    }

    const ED25519: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAK1e46FVkdWgHGYgZK1Hwol++r8QTDmXnJRTnTuge7GM=\n-----END PUBLIC KEY-----";
}

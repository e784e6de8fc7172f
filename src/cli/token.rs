//! `token create` and Opstrace's `ta-create-token`: make a tenant's token from a key pair's file.
//! Works offline; knows no gateway.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::keypair;
use super::signer::{Claims, Signer};
use crate::model::{Algorithm, KeyId, TenantClaim, TenantId, Timestamp};

/// Arguments of `token create`.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenCreate {
    /// The tenant that the token is for
    #[arg(long)]
    pub tenant: TenantId,
    /// The private key to sign with, as `keypair create` makes them
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// How long the token is good for, such as 12h, 30d or 10y
    #[arg(long, default_value = "30d", value_parser = humantime::parse_duration)]
    pub ttl: Duration,
    /// Whom the token is meant for (aud)
    #[arg(long)]
    pub audience: Option<String>,
    /// Who has made it (iss)
    #[arg(long, default_value = "tenantry")]
    pub issuer: String,
    /// The claim that names the tenant
    #[arg(long, default_value = "sub", value_name = "NAME")]
    pub claim: String,
    /// What stands before the tenant in that claim
    #[arg(long, default_value = "tenant-")]
    pub prefix: String,
    /// What the token calls its key (kid) [default: the key's fingerprint]
    #[arg(long, value_parser = key_id)]
    pub kid: Option<KeyId>,
    /// Leave the kid out; the gateway then tries its fallback key
    #[arg(long, conflicts_with = "kid")]
    pub no_kid: bool,
    /// How to sign, such as RS256 or PS512 [default: RS256, ES256, ES384 or EdDSA, by the key]
    #[arg(long)]
    pub algorithm: Option<Algorithm>,
}

/// The claims that a token has besides the tenant's.
const TAKEN: [&str; 5] = ["iat", "exp", "aud", "iss", "nbf"];
/// The last second of the year 9999: no clock reaches further, and no date is written beyond it.
const LATEST: Timestamp = Timestamp::from_seconds(253_402_300_799);
/// Opstrace's `10y`: 3652.5 days.
const OPSTRACE_TTL: Duration = Duration::from_secs(315_576_000);

/// A token of these arguments, issued at `now`, without a newline.
pub fn create(args: &TokenCreate, now: Timestamp) -> anyhow::Result<String> {
    if args.claim.is_empty() || TAKEN.contains(&args.claim.as_str()) {
        bail!("--claim {:?}: the tenant needs a claim of its own, such as sub", args.claim);
    }
    let claims = Claims {
        issued: now,
        expires: expiry(now, args.ttl)?,
        audience: args.audience.clone(),
        issuer: args.issuer.clone(),
        claim: TenantClaim { name: args.claim.clone(), prefix: args.prefix.clone() },
        tenant: args.tenant.as_str().to_owned(),
    };
    signer(args)?.sign(&claims)
}

/// The token that Opstrace's `ta-create-token INSTANCE TENANT FILE` makes, issued at `now`: RS256,
/// good for ten years, without a newline. As there, the tenant's name is taken as it is.
pub fn opstrace_token(instance: &str, tenant: &str, file: &Path, now: Timestamp) -> anyhow::Result<String> {
    check_instance(instance)?;
    if tenant.is_empty() {
        bail!("the tenant's name must not be empty");
    }
    let claims = Claims {
        issued: now,
        expires: expiry(now, OPSTRACE_TTL)?,
        audience: Some(format!("opstrace-cluster-{instance}")),
        issuer: "opstrace-cli".to_owned(),
        claim: TenantClaim::default(),
        tenant: tenant.to_owned(),
    };
    read_signer(file)?.with_algorithm(Algorithm::RS256)?.sign(&claims)
}

fn signer(args: &TokenCreate) -> anyhow::Result<Signer> {
    let mut signer = read_signer(&args.key)?;
    if let Some(algorithm) = args.algorithm {
        signer = signer.with_algorithm(algorithm)?;
    }
    if args.no_kid || args.kid.is_some() {
        signer = signer.with_key_id(args.kid.clone());
    }
    Ok(signer)
}

fn read_signer(file: &Path) -> anyhow::Result<Signer> {
    let text = keypair::read_file(file)?;
    Signer::read(&text).with_context(|| format!("{} holds no key to sign with", file.display()))
}

fn expiry(now: Timestamp, ttl: Duration) -> anyhow::Result<Timestamp> {
    if ttl.as_secs() == 0 {
        bail!("a token is good for at least one second");
    }
    let expires = Timestamp::from_seconds(now.seconds().saturating_add(ttl.as_secs()));
    if expires > LATEST {
        bail!("a token cannot expire after the year 9999: choose a shorter time to live");
    }
    Ok(expires)
}

/// Opstrace's rule for the names of its instances.
pub fn check_instance(name: &str) -> anyhow::Result<()> {
    let fits = (2..=23).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fits {
        bail!("{name:?} is no instance name: 2 to 23 characters of a-z, 0-9 and '-' are");
    }
    Ok(())
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text)
        .ok_or_else(|| format!("a key id is 1 to {} printable ASCII characters without space", KeyId::MAX))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use clap::Parser;
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::Value;

    use super::*;
    use crate::cli::keypair::KeypairKind;
    use crate::model::PublicKey;

    const NOW: Timestamp = Timestamp::from_seconds(1_633_088_451);

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: TokenCreate,
    }

    struct Pair {
        folder: tempfile::TempDir,
        public: PublicKey,
    }

    impl Pair {
        fn new(kind: KeypairKind) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let text = keypair::generate(kind).expect("randomness");
            fs::write(folder.path().join("pair.pem"), &text).expect("a file");
            Pair { folder, public: PublicKey::read(&text).expect("a key").key }
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("pair.pem")
        }

        /// The token of a command line, issued at [`NOW`].
        fn token(&self, words: &[&str]) -> anyhow::Result<String> {
            let file = self.file();
            let all = ["create", "--key", file.to_str().expect("a plain path")];
            let command = Command::try_parse_from(all.iter().chain(words))?;
            create(&command.args, NOW)
        }
    }

    fn part(token: &str, index: usize) -> String {
        let part = token.split('.').nth(index).expect("three parts");
        String::from_utf8(URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("text")
    }

    #[test]
    fn an_opstrace_token_has_its_members_in_its_order_and_verifies() {
        let pair = Pair::new(KeypairKind::Rsa2048);
        let token = opstrace_token("instancename", "tenantfoo", &pair.file(), NOW).expect("signs");
        let id = pair.public.fingerprint();
        assert_eq!(part(&token, 0), format!(r#"{{"alg":"RS256","typ":"JWT","kid":"{id}"}}"#));
        assert_eq!(
            part(&token, 1),
            concat!(
                r#"{"iat":1633088451,"exp":1948664451,"aud":"opstrace-cluster-instancename","#,
                r#""iss":"opstrace-cli","sub":"tenant-tenantfoo"}"#
            )
        );
        let mut validation = Validation::new(jsonwebtoken::Algorithm::RS256);
        validation.set_audience(&["opstrace-cluster-instancename"]);
        validation.set_issuer(&["opstrace-cli"]);
        let key = DecodingKey::from_rsa_pem(pair.public.pem().as_bytes()).expect("a key");
        let read = jsonwebtoken::decode::<Value>(&token, &key, &validation).expect("a good token");
        assert_eq!(read.claims["sub"], "tenant-tenantfoo");
    }

    #[test]
    fn opstrace_tokens_are_made_with_rsa_for_named_instances() {
        let pair = Pair::new(KeypairKind::P256);
        let error = opstrace_token("instance", "acme", &pair.file(), NOW).expect_err("not RSA");
        assert_eq!(error.to_string(), "a key of kind P-256 cannot sign with RS256");
        for bad in ["", "a", "Instance", "in_stance", "an-instance-of-24-letter"] {
            let error = opstrace_token(bad, "acme", &pair.file(), NOW).expect_err(bad).to_string();
            assert!(error.contains("is no instance name"), "{error}");
        }
        assert!(opstrace_token("instance", "", &pair.file(), NOW).is_err());
    }

    #[test]
    fn defaults_are_thirty_days_and_the_keys_own_id_and_algorithm() {
        let pair = Pair::new(KeypairKind::P384);
        let token = pair.token(&["--tenant", "acme"]).expect("signs");
        let id = pair.public.fingerprint();
        assert_eq!(part(&token, 0), format!(r#"{{"alg":"ES384","typ":"JWT","kid":"{id}"}}"#));
        assert_eq!(
            part(&token, 1),
            r#"{"iat":1633088451,"exp":1635680451,"iss":"tenantry","sub":"tenant-acme"}"#
        );
    }

    #[test]
    fn every_option_is_in_the_token() {
        let pair = Pair::new(KeypairKind::Ed25519);
        let words = "--tenant acme --ttl 10y --audience gw --issuer ci --claim tid --prefix= --kid k1";
        let token = pair.token(&words.split(' ').collect::<Vec<_>>()).expect("signs");
        assert_eq!(part(&token, 0), r#"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#);
        assert_eq!(
            part(&token, 1),
            r#"{"iat":1633088451,"exp":1948664451,"aud":"gw","iss":"ci","tid":"acme"}"#
        );
        let token = pair.token(&["--tenant", "acme", "--no-kid"]).expect("signs");
        assert_eq!(part(&token, 0), r#"{"alg":"EdDSA","typ":"JWT"}"#);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let pair = Pair::new(KeypairKind::Ed25519);
        for words in [
            "--tenant Acme",
            "--tenant www",
            "--tenant acme --ttl 0s",
            "--tenant acme --ttl 30",
            "--tenant acme --ttl 9000y",
            "--tenant acme --claim exp",
            "--tenant acme --claim=",
            "--tenant acme --kid=",
            "--tenant acme --kid k --no-kid",
            "--tenant acme --algorithm RS256",
            "--tenant acme --algorithm HS256",
            "--tenant acme --algorithm none",
        ] {
            assert!(pair.token(&words.split(' ').collect::<Vec<_>>()).is_err(), "{words}");
        }
        fs::write(pair.file(), pair.public.pem()).expect("a file");
        let error = format!("{:#}", pair.token(&["--tenant", "acme"]).expect_err("a public key"));
        assert!(error.contains("pair.pem holds no key to sign with: this is a public key"), "{error}");
    }
}

//! `keypair create`: makes key pairs and keeps them in files that only their owner can read.
//! Works offline; knows no token.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair,
};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding, SecretDocument};
use rsa::rand_core::OsRng;
use zeroize::Zeroizing;

use super::show::say;
use crate::model::{KeyId, MAX_KEY_TEXT, PrivateKey};

/// Arguments of `keypair create`.
#[derive(Clone, Debug, clap::Args)]
pub struct KeypairCreate {
    /// Where the private key goes (PKCS#8 in PEM, mode 0600); must not exist yet
    pub file: PathBuf,
    /// What kind of key to make
    #[arg(long = "type", value_enum, default_value_t = KeypairKind::Rsa2048)]
    pub kind: KeypairKind,
}

/// The kinds of key pairs that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KeypairKind {
    #[value(name = "rsa-2048")]
    Rsa2048,
    #[value(name = "rsa-3072")]
    Rsa3072,
    #[value(name = "rsa-4096")]
    Rsa4096,
    #[value(name = "p256")]
    P256,
    #[value(name = "p384")]
    P384,
    #[value(name = "ed25519")]
    Ed25519,
}

/// Makes a key pair and writes its file. Says on stderr where it is and what its key id is; that id
/// is also returned. Fails when the file exists.
pub fn create(args: &KeypairCreate) -> anyhow::Result<KeyId> {
    let text = generate(args.kind)?;
    let key = PrivateKey::read(&text)?;
    let (kind, id) = (key.public().kind(), key.public().fingerprint());
    write_new(&args.file, text.as_bytes())?;
    say!("wrote a new {kind} key pair to {}\nkey id: {id}", args.file.display());
    Ok(id)
}

/// A new private key: PKCS#8 v1 in PEM, with a newline at the end.
pub fn generate(kind: KeypairKind) -> anyhow::Result<Zeroizing<String>> {
    match kind {
        KeypairKind::Rsa2048 => rsa(2048),
        KeypairKind::Rsa3072 => rsa(3072),
        KeypairKind::Rsa4096 => rsa(4096),
        KeypairKind::P256 => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
        KeypairKind::P384 => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
        // Version 1: openssl 3 and others do not read version 2, which has the public key beside it.
        KeypairKind::Ed25519 => pem(Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref()),
    }
}

fn rsa(bits: usize) -> anyhow::Result<Zeroizing<String>> {
    Ok(RsaPrivateKey::new(&mut OsRng, bits)?.to_pkcs8_pem(LineEnding::LF)?)
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> anyhow::Result<Zeroizing<String>> {
    pem(EcdsaKeyPair::generate(algorithm)?.to_pkcs8v1()?.as_ref())
}

fn pem(pkcs8: &[u8]) -> anyhow::Result<Zeroizing<String>> {
    Ok(SecretDocument::try_from(pkcs8)?.to_pem("PRIVATE KEY", LineEnding::LF)?)
}

/// The text of a key file; wiped when dropped, for it may be a private key.
pub fn read_file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let limit = MAX_KEY_TEXT + 1;
    // The whole size at once: a growing string would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(limit));
    File::open(path)
        .and_then(|file| file.take(limit as u64).read_to_string(&mut text))
        .with_context(|| format!("cannot read the key file {}", path.display()))?;
    Ok(text)
}

/// Creates the file with all of `text` in it, or leaves none.
fn write_new(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| not_created(path, error))?;
    file.write_all(text).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a key is no key; that it cannot be removed either would only hide the first fault.
        drop(fs::remove_file(path));
        anyhow!(error).context(format!("cannot write the key pair to {}", path.display()))
    })
}

fn not_created(path: &Path, error: io::Error) -> anyhow::Error {
    let path = path.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        anyhow!("{path} exists, and a key pair is never overwritten: name another file, or remove this one")
    } else {
        anyhow!(error).context(format!("cannot create the key pair's file {path}"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::model::{KeyKind, PublicKey};

    fn args(file: PathBuf) -> KeypairCreate {
        KeypairCreate { file, kind: KeypairKind::Ed25519 }
    }

    #[test]
    fn the_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = args(folder.path().join("pair.pem"));
        let id = create(&args).expect("a new file");
        assert_eq!(fs::metadata(&args.file).expect("the file").permissions().mode() & 0o777, 0o600);
        let text = read_file(&args.file).expect("the file");
        assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n") && text.ends_with("-----\n"));
        assert_eq!(PublicKey::read(&text).expect("a key").key.fingerprint(), id);
    }

    #[test]
    fn an_existing_file_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = args(folder.path().join("pair.pem"));
        fs::write(&args.file, "precious").expect("a file");
        let error = create(&args).expect_err("it exists").to_string();
        assert!(error.contains("pair.pem exists"), "{error}");
        assert_eq!(fs::read_to_string(&args.file).expect("the file"), "precious");

        let dangling = folder.path().join("link.pem");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &dangling).expect("a link");
        create(&KeypairCreate { file: dangling, kind: KeypairKind::P256 }).expect_err("a link is a file");
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = create(&args(folder.path().join("none/pair.pem"))).expect_err("no such folder");
        assert!(error.to_string().contains("none/pair.pem"), "{error}");
        let error = read_file(&folder.path().join("absent")).expect_err("no such file");
        assert!(error.to_string().contains("absent"), "{error}");
    }

    #[test]
    fn each_kind_is_what_it_says() {
        for (kind, expected) in [
            (KeypairKind::Rsa2048, KeyKind::Rsa { bits: 2048 }),
            (KeypairKind::Rsa3072, KeyKind::Rsa { bits: 3072 }),
            (KeypairKind::Rsa4096, KeyKind::Rsa { bits: 4096 }),
            (KeypairKind::P256, KeyKind::P256),
            (KeypairKind::P384, KeyKind::P384),
            (KeypairKind::Ed25519, KeyKind::Ed25519),
        ] {
            let text = generate(kind).expect("randomness");
            assert_eq!(PublicKey::read(&text).expect("a key").key.kind(), expected);
        }
    }
}

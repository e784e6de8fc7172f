//! Keys that openssl has made, with the fingerprints that `sha1sum` gives for their texts, and
//! every form in which a key can come.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use proptest::prelude::*;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::der::{Decode as _, Encode as _};
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding, PrivateKeyInfo};
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use serde_json::json;

use super::*;

pub(super) const RSA: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAi6yAs5e/OppmKyQzTe6z
eCvQwUiYqhIYVVBqi57sayZJ/ghvUFV3E3oeQ6jO7/nhfPl6xIMZybLouVOk64Zt
tA2Qd8iHVkAup7Ccnjn9ABsGdia0ZzJ2pQmie0127ymAqSYoqzyhIWCbtr8mMjTB
2Hidcr8KGDGq1fKfNkby9Ruj0sxXOUqp0yC9JWtc48tsYdomPPRuYp0MPdUtYQ30
LTTCaQV6lkE+vkItzB3B6dII1vXraYctxHjdXBVkl1aOqs7Ot2EIYDqiX89pQkAB
tIeIukdEwDqwkRjU1oel0P1pxpoxZn349FShwpEi4NElN+/1fh0PAmG6u2WIplWF
FQIDAQAB
-----END PUBLIC KEY-----";
const RSA_PKCS1: &str = "\
-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAi6yAs5e/OppmKyQzTe6zeCvQwUiYqhIYVVBqi57sayZJ/ghvUFV3
E3oeQ6jO7/nhfPl6xIMZybLouVOk64ZttA2Qd8iHVkAup7Ccnjn9ABsGdia0ZzJ2
pQmie0127ymAqSYoqzyhIWCbtr8mMjTB2Hidcr8KGDGq1fKfNkby9Ruj0sxXOUqp
0yC9JWtc48tsYdomPPRuYp0MPdUtYQ30LTTCaQV6lkE+vkItzB3B6dII1vXraYct
xHjdXBVkl1aOqs7Ot2EIYDqiX89pQkABtIeIukdEwDqwkRjU1oel0P1pxpoxZn34
9FShwpEi4NElN+/1fh0PAmG6u2WIplWFFQIDAQAB
-----END RSA PUBLIC KEY-----";
pub(super) const P256: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAQl5NhxhDwBUttm++IvLQDcBB6Dy
kyiG1RoXY0IAM6Jp3LyG9r3GXVNHIMESa5Nj7AAA5++PW/MoJmJ5Yu+0wg==
-----END PUBLIC KEY-----";
const P384: &str = "\
-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEhZOwhZke0pFytfPDLNQFoJ+bGmGVb9YM
9+w8jdi/e0068LeaYvR/v2ilDMTP3x4kAhqlXOjKK1lHF+qK95I9NigB8L97Z2yw
1oXBWMxauEjeIm67bg2GPkw8xLRaKDc6
-----END PUBLIC KEY-----";
pub(super) const ED25519: &str = "\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAK1e46FVkdWgHGYgZK1Hwol++r8QTDmXnJRTnTuge7GM=
-----END PUBLIC KEY-----";
const P521: &str = "\
-----BEGIN PUBLIC KEY-----
MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAu3MSvwYIn4HM36EvL6XvnpwxZ19K
z2I0Re+sbOibBnZR9CbBGuDvEzr4E1gaO7nRDJc1Lf0gwHci7FUaBv4mlxUAJ3pm
LJL6gplwfNPS6jdxzKaFoN7I5bZUb34Dx6JUob2CceYZWmKT0p9SQY5WtxPoAyIV
e/gXmf1C7UJewaz+c4A=
-----END PUBLIC KEY-----";
const SECP256K1: &str = "\
-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE+bUf9al8jt7wHm0ckosw3xbdx/ZEnJkz
HCJSTy8lrKmVyujZaiYYjUCOIDLqqQhYOjt+acjWqI6o79W7WacRQg==
-----END PUBLIC KEY-----";
const COMPRESSED: &str = "\
-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACAQl5NhxhDwBUttm++IvLQDcBB6Dy
kyiG1RoXY0IAM6I=
-----END PUBLIC KEY-----";
const EXPLICIT: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABAEJeTYcYQ8AVLbZvviLy0A3
AQeg8pMohtUaF2NCADOiady8hva9xl1TRyDBEmuTY+wAAOfvj1vzKCZieWLvtMI=
-----END PUBLIC KEY-----";
const RSA_1024: &str = "\
-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC09/uCtaTYYZ8CZYPs9kPfAKrF
aDP94ZO1jqVHbBDqcPyWIJzICVJ12XZrgkiaz7OgPRqYiFoFczqSPPO+1JKvL2MP
7ylIVAH2FrYX9ZaIcRI26K59H93kDCUa5ra4W/JKK7whNZlorK1aa9ny8/S+4irZ
pX/zp9MsjAO3P2sq4QIDAQAB
-----END PUBLIC KEY-----";

pub(super) fn key(text: &str) -> PublicKey {
    PublicKey::read(text).unwrap_or_else(|error| panic!("{error}\n{text}")).key
}

pub(super) fn fault(text: &str) -> KeyError {
    PublicKey::read(text).expect_err(text)
}

/// Made once: it is slow without optimisation.
fn rsa_pair() -> &'static RsaPrivateKey {
    static PAIR: OnceLock<RsaPrivateKey> = OnceLock::new();
    PAIR.get_or_init(|| RsaPrivateKey::new(&mut OsRng, 2048).expect("randomness"))
}

#[test]
fn a_fingerprint_is_what_sha1sum_says_of_the_trimmed_pem() {
    for (pem, kind, id) in [
        (RSA, KeyKind::Rsa { bits: 2048 }, "44d282c76d80267a91d765f14c0b436bc378acf7"),
        (P256, KeyKind::P256, "9d336e13b7172d00cf563480afe716e2d2b45e28"),
        (P384, KeyKind::P384, "6f857eda1a969f9c7bf1952b640a5b6cdfe27bc7"),
        (ED25519, KeyKind::Ed25519, "b31ba161c01a969613bc16e020094d598ee28754"),
    ] {
        let key = key(pem);
        assert_eq!((key.kind(), key.fingerprint().as_str()), (kind, id));
        assert_eq!(key.pem(), pem);
    }
}

#[test]
fn the_form_of_the_text_changes_nothing() {
    let expected = key(RSA);
    assert_eq!(key(RSA_PKCS1), expected);
    assert_eq!(key(&format!("\r\n  {}\r\n\r\n", RSA.replace('\n', "\r\n"))), expected);
    let (first, body) = RSA.split_once('\n').expect("lines");
    let (body, last) = body.rsplit_once('\n').expect("lines");
    assert_eq!(key(&format!("{first}\n{}\n{last}\n", body.replace('\n', ""))), expected);
}

#[test]
fn only_the_public_part_of_a_private_key_is_kept() {
    let rsa = rsa_pair();
    let rsa_public = key(&rsa.to_public_key().to_public_key_pem(LineEnding::CRLF).expect("encodes"));
    for text in [
        rsa.to_pkcs8_pem(LineEnding::LF).expect("encodes").to_string(),
        rsa.to_pkcs1_pem(LineEnding::LF).expect("encodes").to_string(),
        rsa.to_public_key().to_pkcs1_pem(LineEnding::LF).expect("encodes"),
    ] {
        assert_eq!(key(&text), rsa_public);
    }

    let ec = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("randomness");
    let ec_public = PublicKey::ec(KeyKind::P384, ec.public_key().as_ref()).expect("a point");
    let v1 = ec.to_pkcs8v1().expect("encodes");
    let sec1 = ec.private_key().as_der().expect("encodes");
    let mut info = PrivateKeyInfo::from_der(v1.as_ref()).expect("PKCS#8");
    info.public_key = Some(ec.public_key().as_ref());
    let v2 = info.to_der().expect("encodes");
    for (label, der) in
        [("PRIVATE KEY", v1.as_ref()), ("PRIVATE KEY", v2.as_slice()), ("EC PRIVATE KEY", sec1.as_ref())]
    {
        assert_eq!(key(&pem::encode(label, der)), ec_public);
    }

    let ed = Ed25519KeyPair::generate().expect("randomness");
    let ed_public = PublicKey::ed25519(ed.public_key().as_ref()).expect("a point");
    for document in [ed.to_pkcs8v1().expect("encodes"), ed.to_pkcs8().expect("encodes")] {
        assert_eq!(key(&pem::encode("PRIVATE KEY", document.as_ref())), ed_public);
    }
}

#[test]
fn a_private_key_is_asked_for_in_pem() {
    let text = rsa_pair().to_pkcs8_pem(LineEnding::LF).expect("encodes");
    let private = PrivateKey::read(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(private.public(), &key(&text));
    for text in [RSA, RSA_PKCS1, ED25519, "{}"] {
        assert_eq!(PrivateKey::read(text).err(), Some(KeyError::NotPrivate));
    }
}

#[test]
fn parts_of_different_rsa_keys_do_not_make_one() {
    let text = pem::encode("RSA PRIVATE KEY", &{
        let der = rsa_pair().to_pkcs1_der().expect("encodes");
        let mut der = der.as_bytes().to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        der
    });
    assert_eq!(fault(&text), KeyError::Refused(KeyKind::Rsa { bits: 2048 }));
}

#[test]
fn what_is_no_usable_key_is_named() {
    let unsupported = |name: &str| KeyError::Unsupported(name.to_owned());
    for (text, expected) in [
        ("", KeyError::Empty),
        (" \r\n", KeyError::Empty),
        ("ssh-ed25519 AAAA", KeyError::NotAKey),
        (P521, unsupported("P-521")),
        (SECP256K1, unsupported("secp256k1")),
        (EXPLICIT, unsupported("elliptic-curve (without the name of its curve)")),
        (COMPRESSED, KeyError::Point(KeyKind::P256)),
        (RSA_1024, KeyError::RsaBits(1024)),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            KeyError::Label("CERTIFICATE".into()),
        ),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----",
            KeyError::Encrypted,
        ),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END RSA PRIVATE KEY-----",
            KeyError::Encrypted,
        ),
        ("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", KeyError::Content("PUBLIC KEY")),
        (
            "-----BEGIN PUBLIC KEY-----\nM!IB\n-----END PUBLIC KEY-----",
            KeyError::Pem("its lines are no base64"),
        ),
    ] {
        assert_eq!(fault(text), expected);
    }
    assert_eq!(fault(&"x".repeat(MAX_KEY_TEXT + 1)), KeyError::TooLong(MAX_KEY_TEXT + 1));
    assert_eq!(
        fault(&format!("{P256}\n{ED25519}\n")),
        KeyError::Blocks(vec!["PUBLIC KEY".into(), "PUBLIC KEY".into()])
    );
    assert!(matches!(fault(&format!("{P256}\nmore")), KeyError::Pem(_)));
    assert_eq!(fault(&format!("more\n{P256}")), KeyError::NotAKey);
}

#[test]
fn rsa_numbers_have_bounds() {
    let modulus = rsa_pair().n().to_bytes_be();
    let bits = |bytes: usize| [vec![0x81_u8], vec![0; bytes - 2], vec![1]].concat();
    for (n, e, expected) in [
        (modulus.clone(), vec![0, 1, 0, 1], None),
        (modulus.clone(), vec![3], None),
        (modulus.clone(), vec![1, 0xff, 0xff, 0xff, 0xff], None),
        (modulus.clone(), vec![1], Some(KeyError::RsaExponent)),
        (modulus.clone(), vec![], Some(KeyError::RsaExponent)),
        (modulus.clone(), vec![1, 0, 0], Some(KeyError::RsaExponent)),
        (modulus.clone(), vec![2, 0, 0, 0, 1], Some(KeyError::RsaExponent)),
        (modulus.clone(), vec![1, 0, 0, 0, 0, 0, 0, 0, 1], Some(KeyError::RsaExponent)),
        ([&modulus[..255], &[2]].concat(), vec![3], Some(KeyError::RsaModulus)),
        (bits(1024), vec![1, 0, 1], None),
        (bits(1025), vec![1, 0, 1], Some(KeyError::RsaBits(8200))),
        (bits(255), vec![1, 0, 1], Some(KeyError::RsaBits(2040))),
        (vec![], vec![3], Some(KeyError::RsaBits(0))),
    ] {
        assert_eq!(PublicKey::rsa(&n, &e).err(), expected, "{e:?}, {} bytes", n.len());
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let at = |key: PublicKey, length: usize| key.der()[key.der().len() - length..].to_vec();
    for (kind, mut point) in [(KeyKind::P256, at(key(P256), 65)), (KeyKind::P384, at(key(P384), 97))] {
        assert!(PublicKey::ec(kind, &point).is_ok());
        point[20] ^= 1;
        assert_eq!(PublicKey::ec(kind, &point), Err(KeyError::Refused(kind)));
        assert_eq!(PublicKey::ec(kind, &[0]), Err(KeyError::Point(kind)));
    }
    assert_eq!(PublicKey::ed25519(&[0; 32]), Err(KeyError::Edwards));
}

#[test]
fn a_verifier_is_given_for_fitting_algorithms_only() {
    for (pem, fitting) in [(RSA, 6), (P256, 1), (P384, 1), (ED25519, 1)] {
        let key = key(pem);
        let given = Algorithm::ALL.into_iter().filter(|algorithm| key.verifier(*algorithm).is_ok());
        assert_eq!(given.count(), fitting, "{}", key.kind());
    }
}

#[test]
fn a_record_holds_the_pem_text() {
    let key = key(P384);
    let text = serde_json::to_string(&key).expect("encodes");
    assert_eq!(text, serde_json::to_string(P384).expect("encodes"));
    assert_eq!(serde_json::from_str::<PublicKey>(&text).expect("its own form"), key);
    assert!(serde_json::from_str::<PublicKey>(&text.replace("MHYw", "MHYx")).is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,200}") {
        prop_assert!(PublicKey::read(&text).is_err());
        prop_assert!(PrivateKey::read(&text).is_err());
    }

    #[test]
    fn any_content_of_a_block_is_read_without_a_panic(
        label in "(RSA |EC )?(PUBLIC|PRIVATE) KEY",
        content in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert!(PublicKey::read(&pem::encode(&label, &content)).is_err());
    }

    #[test]
    fn any_members_of_a_jwk_are_read_without_a_panic(
        kty in "RSA|EC|OKP|oct",
        crv in "P-256|P-384|Ed25519",
        parts in prop::collection::vec("[A-Za-z0-9_-]{0,90}", 4),
    ) {
        let jwk = json!({
            "kty": kty, "crv": crv, "n": parts[0], "e": parts[1], "x": parts[2], "y": parts[3],
        });
        if let Ok(read) = PublicKey::read(&jwk.to_string()) {
            prop_assert_eq!(key(&read.key.pem()), read.key);
        }
    }

    /// What is read from a damaged key is a key with a form of its own, or nothing.
    #[test]
    fn whatever_is_read_is_written_and_read_again(
        pem in prop::sample::select(vec![RSA, P256, P384, ED25519]),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut der = key(pem).der().to_vec();
        let at = at.index(der.len());
        der[at] ^= flip;
        if let Ok(read) = PublicKey::read(&pem::encode("PUBLIC KEY", &der)) {
            prop_assert_eq!(key(&read.key.pem()), read.key.clone());
            prop_assert!(read.key.verifier(Algorithm::default_for(read.key.kind())).is_ok());
        }
    }
}

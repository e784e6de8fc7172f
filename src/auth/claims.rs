//! The two JSON objects of a token, read strictly: no member twice, no wrong type taken for absent.
//! Knows what members mean only so far as their types go.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// More members than this is no token.
const MAX_MEMBERS: usize = 64;
/// More scopes than this is no token: each is compared with all that there are.
const MAX_SCOPES: usize = 256;
/// The greatest integer that every JSON reader agrees on (RFC 8259 §6).
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// The protected header (RFC 7515 §4).
#[derive(Debug, Default, PartialEq)]
pub struct Header<'a> {
    pub alg: Option<Cow<'a, str>>,
    pub kid: Option<Cow<'a, str>>,
    /// `crit` or `b64` is there, whatever it says.
    pub extension: bool,
}

/// The registered claims (RFC 7519 §4.1) that decide, and the tenant's.
#[derive(Debug, Default, PartialEq)]
pub struct Claims<'a> {
    pub exp: Option<Date>,
    pub nbf: Option<Date>,
    pub iat: Option<Date>,
    pub iss: Option<Cow<'a, str>>,
    pub aud: Option<Vec<Cow<'a, str>>>,
    /// The text of the claim that names the tenant.
    pub tenant: Option<Cow<'a, str>>,
    /// What the claim of scopes lists.
    pub scopes: Option<Vec<Cow<'a, str>>>,
}

/// The claims whose names the key chooses.
pub struct Names<'k> {
    pub tenant: &'k str,
    pub scopes: Option<&'k str>,
}

/// A `NumericDate`: seconds since the epoch, fractions allowed (RFC 7519 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Rounded down: for `exp`.
    pub floor: u64,
    /// Rounded up: for `nbf` and `iat`.
    pub ceil: u64,
}

/// Reads a header; none when it is not what RFC 7515 has.
pub fn header(json: &[u8]) -> Option<Header<'_>> {
    let mut header = Header::default();
    members(json, |name, value| match name {
        "alg" => text(value).map(|text| header.alg = Some(text)),
        "kid" => text(value).map(|text| header.kid = Some(text)),
        "crit" | "b64" => {
            header.extension = true;
            Some(())
        }
        _ => Some(()),
    })?;
    Some(header)
}

/// Reads `iss` alone; none when the payload cannot be read, or `iss` is no text.
pub fn issuer(json: &[u8]) -> Option<Option<Cow<'_, str>>> {
    let mut issuer = None;
    members(json, |name, value| {
        if name == "iss" {
            issuer = Some(text(value)?);
        }
        Some(())
    })?;
    Some(issuer)
}

/// Reads a payload; none when a claim has the wrong type. Scopes are a list, or one text with spaces
/// between (RFC 8693 §4.2).
pub fn claims<'a>(json: &'a [u8], names: &Names<'_>) -> Option<Claims<'a>> {
    let mut claims = Claims::default();
    members(json, |name, value| {
        if name == names.tenant {
            claims.tenant = Some(text(value.clone())?);
        }
        if Some(name) == names.scopes {
            let scopes: Vec<_> = match value.clone() {
                Value::Text(one) => {
                    let scopes = one.split_ascii_whitespace().take(MAX_SCOPES + 1);
                    scopes.map(|scope| scope.to_owned().into()).collect()
                }
                Value::Texts(many) => many,
                Value::Date(_) | Value::Other => return None,
            };
            claims.scopes = Some(scopes).filter(|scopes| scopes.len() <= MAX_SCOPES);
            claims.scopes.as_ref()?;
        }
        match name {
            "exp" => claims.exp = Some(date(value)?),
            "nbf" => claims.nbf = Some(date(value)?),
            "iat" => claims.iat = Some(date(value)?),
            "iss" => claims.iss = Some(text(value)?),
            "aud" => {
                claims.aud = Some(match value {
                    Value::Text(one) => vec![one],
                    Value::Texts(many) => many,
                    Value::Date(_) | Value::Other => return None,
                });
            }
            _ => {}
        }
        Some(())
    })?;
    Some(claims)
}

/// What a member may be; what decides nothing is not kept.
#[derive(Clone, Debug)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Texts(Vec<Cow<'a, str>>),
    Date(Date),
    Other,
}

fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

fn date(value: Value<'_>) -> Option<Date> {
    if let Value::Date(date) = value { Some(date) } else { None }
}

/// Hands each member of a JSON object to `take`; none when the text is no object, has a member
/// twice, has too many, or `take` refuses one.
fn members<'a>(json: &'a [u8], take: impl FnMut(&str, Value<'a>) -> Option<()>) -> Option<()> {
    struct Members<F>(F);

    impl<'de, F: FnMut(&str, Value<'de>) -> Option<()>> Visitor<'de> for Members<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            let mut seen: Vec<Cow<'de, str>> = Vec::with_capacity(8);
            while let Some(Name(name)) = map.next_key()? {
                if seen.len() == MAX_MEMBERS || seen.contains(&name) {
                    return Err(A::Error::custom("a member twice, or too many"));
                }
                let value = map.next_value()?;
                (self.0)(&name, value).ok_or_else(|| A::Error::custom("a member of the wrong type"))?;
                seen.push(name);
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_slice(json);
    json.deserialize_map(Members(take)).ok()?;
    json.end().ok()
}

struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(name) => Ok(Name(name)),
            _ => Err(D::Error::custom("a name")),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Date(Date { floor: number, ceil: number }))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value<'de>, E> {
        if !(0.0..=MAX_SAFE).contains(&number) {
            return Ok(Value::Other);
        }
        // In range, as was just checked.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ number ≤ 2^53 - 1")]
        let (floor, ceil) = (number.floor() as u64, number.ceil() as u64);
        Ok(Value::Date(Date { floor, ceil }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(value) = list.next_element()? {
            match (&mut texts, value) {
                (Some(texts), Value::Text(text)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Value::Other, Value::Texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(tenant: &str) -> Names<'_> {
        Names { tenant, scopes: Some("scope") }
    }

    #[test]
    fn scopes_are_few() {
        let names = named("sub");
        let of = |scopes: String| format!(r#"{{"scope":{scopes}}}"#);
        let text = |count: usize| of(format!("{:?}", "a ".repeat(count)));
        let list = |count: usize| of(format!("{:?}", vec!["a"; count]));
        for form in [&text as &dyn Fn(usize) -> String, &list] {
            assert!(claims(form(MAX_SCOPES).as_bytes(), &names).is_some());
            assert!(claims(form(MAX_SCOPES + 1).as_bytes(), &names).is_none());
        }
    }

    #[test]
    fn headers_are_read_strictly() {
        let read = header(br#"{"alg":"RS256","typ":"JWT","kid":"a\u0062"}"#).expect("a header");
        assert_eq!(
            (read.alg.as_deref(), read.kid.as_deref(), read.extension),
            (Some("RS256"), Some("ab"), false)
        );
        assert!(header(br#"{"crit":["b64"],"b64":false}"#).expect("a header").extension);
        for bad in [
            "",
            "[]",
            "null",
            r#""a""#,
            r#"{"alg":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"kid":7}"#,
            r#"{"kid":["a"]}"#,
            r#"{"kid":"a","kid":"a"}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"kid":"a","\u006bid":"b"}"#,
            r#"{"alg":"RS256"} x"#,
            r#"{"alg":"RS256""#,
        ] {
            assert_eq!(header(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn dates_are_numbers_and_nothing_else() {
        let exp =
            |value: &str| claims(format!(r#"{{"exp":{value}}}"#).as_bytes(), &named("sub")).map(|c| c.exp);
        assert_eq!(exp("5"), Some(Some(Date { floor: 5, ceil: 5 })));
        assert_eq!(exp("5.5"), Some(Some(Date { floor: 5, ceil: 6 })));
        assert_eq!(exp("253402300799"), Some(Some(Date { floor: 253_402_300_799, ceil: 253_402_300_799 })));
        for bad in [r#""5""#, "true", "[5]", "{}", "null", "1e400", "-1", "-0.5", "1e300", "NaN", "05"] {
            assert_eq!(exp(bad), None, "{bad}");
        }
    }

    #[test]
    fn audiences_are_texts() {
        let aud = |value: &str| {
            let json = format!(r#"{{"aud":{value}}}"#);
            claims(json.as_bytes(), &named("sub")).map(|c| c.aud.map(|all| all.len()))
        };
        assert_eq!(aud(r#""a""#), Some(Some(1)));
        assert_eq!(aud(r#"["a","b"]"#), Some(Some(2)));
        assert_eq!(aud("[]"), Some(Some(0)));
        for bad in ["7", "{}", r#"["a",7]"#, "null", r#"[["a"]]"#] {
            assert_eq!(aud(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_tenant_may_stand_in_any_claim() {
        let json = br#"{"org":"acme","iss":"idp"}"#;
        assert_eq!(claims(json, &named("org")).and_then(|c| c.tenant), Some("acme".into()));
        assert_eq!(claims(json, &named("iss")).and_then(|c| c.tenant), Some("idp".into()));
        assert_eq!(claims(json, &named("sub")).map(|c| c.tenant), Some(None));
        assert_eq!(claims(br#"{"org":["acme"]}"#, &named("org")), None);
    }

    #[test]
    fn scopes_are_a_list_or_one_text() {
        let scopes = |value: &str| {
            let json = format!(r#"{{"scope":{value}}}"#);
            claims(json.as_bytes(), &named("sub")).map(|c| c.scopes.map(|all| all.join(",")))
        };
        assert_eq!(scopes(r#""a:read  b:write""#), Some(Some("a:read,b:write".to_owned())));
        assert_eq!(scopes(r#"["a","b c"]"#), Some(Some("a,b c".to_owned())));
        assert_eq!(scopes(r#""""#), Some(Some(String::new())));
        for bad in ["7", "{}", r#"["a",7]"#, "null"] {
            assert_eq!(scopes(bad), None, "{bad}");
        }
    }

    #[test]
    fn deep_and_wide_objects_are_refused() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(header(deep.as_bytes()), None);
        let wide: Vec<String> = (0..=MAX_MEMBERS).map(|n| format!(r#""m{n}":0"#)).collect();
        assert_eq!(header(format!("{{{}}}", wide.join(",")).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = (header(&bytes), claims(&bytes, &named("sub")));
        }

        #[test]
        fn reads_what_serde_json_reads(name in "[a-z]{1,4}", exp in any::<u32>(), iss in ".{0,12}") {
            let json = serde_json::json!({ "iss": iss, "exp": exp, "tenant": name }).to_string();
            let read = claims(json.as_bytes(), &named("tenant")).expect("sound claims");
            prop_assert_eq!(read.iss.as_deref(), Some(iss.as_str()));
            prop_assert_eq!(read.exp.map(|d| d.floor), Some(u64::from(exp)));
            prop_assert_eq!(read.tenant.as_deref(), Some(name.as_str()));
        }
    }
}

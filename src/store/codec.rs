//! Records as stored bytes and back: one byte for the format, then the record's JSON. Knows
//! neither files nor tables' contents; what it cannot read it refuses, and nothing is skipped.

use super::{Kind, Record};

/// The first byte of a stored record. It changes when the JSON after it comes to mean something else.
const JSON: u8 = 1;

/// Why stored bytes are no record. It quotes nothing of them: they may hold password hashes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it is empty")]
    Empty,
    #[error("it has the format {0}, which this version of the program does not know")]
    Format(u8),
    #[error("it does not say what such a record must say, or breaks off, at byte {0} of its JSON")]
    Json(usize),
    #[error("it is filed under another record's name")]
    Misfiled,
}

pub(super) fn encode(record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = vec![JSON];
    record.write(&mut bytes)?;
    Ok(bytes)
}

/// Reads what stands in a kind's table under `key`.
pub(super) fn decode(kind: Kind, key: &str, bytes: &[u8]) -> Result<Record, Fault> {
    let json = match bytes {
        [] => return Err(Fault::Empty),
        [JSON, json @ ..] => json,
        [format, ..] => return Err(Fault::Format(*format)),
    };
    // our own JSON is one line, so that its column is the byte
    let record = Record::read(kind, json).map_err(|error| Fault::Json(error.column()))?;
    match record.id().key() == key {
        true => Ok(record),
        false => Err(Fault::Misfiled),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Id, OrgId, OrgRecord, Tenant, TenantId, Timestamp, User, UserName};

    /// A record that shows its name only: there may be a password's hash in it.
    struct Named(Record);

    impl std::fmt::Debug for Named {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.id().fmt(f)
        }
    }

    fn tenant_id() -> impl Strategy<Value = TenantId> {
        "[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?".prop_filter_map("reserved", |text| TenantId::parse(&text).ok())
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        any::<u64>().prop_map(Timestamp::from_millis)
    }

    fn tenant() -> impl Strategy<Value = Named> {
        (tenant_id(), any::<String>(), any::<String>(), 1..9_u32, time(), time()).prop_map(
            |(id, name, description, nth, created_at, updated_at)| {
                let org_id = OrgId::nth(&id, nth);
                let tenant = Tenant::new(id, org_id, created_at);
                Named(Record::Tenant(Tenant { name, description, updated_at, ..tenant }))
            },
        )
    }

    fn org() -> impl Strategy<Value = Named> {
        (tenant_id(), 1..9_u32, time(), proptest::option::of(time())).prop_map(
            |(tenant, nth, created_at, deleted_at)| {
                Named(Record::Org(OrgRecord {
                    org_id: OrgId::nth(&tenant, nth),
                    tenant,
                    created_at,
                    deleted_at,
                }))
            },
        )
    }

    fn user() -> impl Strategy<Value = Named> {
        (any::<[u8; 16]>(), "[a-z]{1,9}@[a-z]{1,9}", any::<Option<String>>(), time(), any::<bool>()).prop_map(
            |(id, name, password_hash, created_at, flag)| {
                Named(Record::User(User {
                    id: Id::from_random(id),
                    name: UserName::parse(&name).expect("a name"),
                    first_name: name,
                    last_name: String::new(),
                    password_hash,
                    super_admin: flag,
                    disabled: flag,
                    restricted: !flag,
                    created_at,
                    updated_at: created_at,
                }))
            },
        )
    }

    fn kind() -> impl Strategy<Value = Kind> {
        proptest::sample::select(Kind::ALL.to_vec())
    }

    fn assert_comes_back(Named(record): &Named) {
        let id = record.id();
        let (kind, key) = (id.kind(), id.key());
        let bytes = encode(record).expect("a record is JSON");
        assert!(decode(kind, &key, &bytes).is_ok_and(|back| back == *record), "{id:?}");
        assert!(decode(kind, &format!("{key}x"), &bytes).err() == Some(Fault::Misfiled), "{id:?}");
        for short in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            assert!(decode(kind, &key, &bytes[..short]).is_err(), "{id:?} cut to {short} bytes");
        }
    }

    proptest! {
        #[test]
        fn tenants_come_back(record in tenant()) { assert_comes_back(&record); }

        #[test]
        fn org_ids_come_back(record in org()) { assert_comes_back(&record); }

        #[test]
        fn users_come_back(record in user()) { assert_comes_back(&record); }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            kind in kind(), key in ".{0,9}", bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert!(decode(kind, &key, &bytes).is_err());
        }

        #[test]
        fn any_json_is_read_without_a_panic(kind in kind(), key in ".{0,9}", json in "[\\[\\]{}\":,a-z0-9]{0,60}") {
            let bytes = [&[JSON], json.as_bytes()].concat();
            prop_assert!(decode(kind, &key, &bytes).is_err());
        }
    }

    #[test]
    fn faults_say_what_is_wrong_and_quote_nothing() {
        let fault = |bytes: &[u8]| decode(Kind::User, "admin", bytes).err().expect("no record");
        assert_eq!(fault(b""), Fault::Empty);
        assert_eq!(fault(b"\x02{}"), Fault::Format(2));
        let hash =
            b"\x01{\"name\":\"admin\",\"password_hash\":\"$argon2id$planted\",\"created_at\":\"planted\"}";
        assert!(!fault(hash).to_string().contains("planted"));
    }
}

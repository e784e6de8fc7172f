//! Whether an audit log says what it was written to say: pure over its entries, so that an exported
//! log is judged as the live one is. Knows no store and no file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AuditEntry, Deed, Place};

/// How much of a log is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it: each entry follows the one before, and what is missing was removed by retention.
    Whole,
    /// The entries of one tenant: none of its own is missing between them.
    Tenant,
}

/// What the entry about a removal says of what was removed: the entries before it up to `through`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// How many this removal removed.
    pub entries: u64,
    /// The number of the last one.
    pub through: u64,
    /// The hash of the last one.
    pub hash: String,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("it is not what was written: its hash is of something else")]
    Changed,
    #[error("it does not follow the entry before it")]
    Unlinked,
    #[error("entries before it are missing, and no entry tells that they were removed")]
    Missing,
    #[error("it stands out of turn")]
    OutOfTurn,
}

/// An entry that breaks the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    pub number: u64,
    pub flaw: Flaw,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub entries: u64,
    /// The numbers of the first and the last entry; none when there is no entry.
    pub span: Option<(u64, u64)>,
    /// The hash of the last entry. Whoever notes it elsewhere can tell later that nothing up to
    /// there was written anew.
    pub hash: String,
    /// The first entry that breaks the chain.
    pub broken: Option<Broken>,
}

/// Judges a log, entry after entry, from the oldest.
pub struct Verifier {
    extent: Extent,
    entries: u64,
    first: u64,
    last: Option<Link>,
    broken: Option<Broken>,
    /// Where entries are missing: the number before, and the hash that it must have had.
    gaps: BTreeMap<u64, String>,
}

/// What the next entry is compared with.
struct Link {
    number: u64,
    hash: String,
    place: Option<Place>,
}

impl Verifier {
    pub fn new(extent: Extent) -> Self {
        Verifier { extent, entries: 0, first: 0, last: None, broken: None, gaps: BTreeMap::new() }
    }

    pub fn add(&mut self, entry: &AuditEntry) {
        if let Err(flaw) = self.judge(entry) {
            self.breaks(entry.number, flaw);
        }
        if let Some(pruned) = pruned(entry) {
            self.gaps.retain(|through, hash| *through != pruned.through || *hash != pruned.hash);
        }
        if self.entries == 0 {
            self.first = entry.number;
        }
        self.entries += 1;
        self.last = Some(Link { number: entry.number, hash: entry.hash.clone(), place: entry.place.clone() });
    }

    pub fn end(mut self) -> Verdict {
        if let Some(before) = self.gaps.keys().next().copied() {
            self.breaks(before + 1, Flaw::Missing);
        }
        let span = self.last.as_ref().map(|last| (self.first, last.number));
        let hash = self.last.map_or_else(|| AuditEntry::NOTHING.to_owned(), |last| last.hash);
        Verdict { entries: self.entries, span, hash, broken: self.broken }
    }

    fn judge(&mut self, entry: &AuditEntry) -> Result<(), Flaw> {
        let sound = if entry.is_sound() { Ok(()) } else { Err(Flaw::Changed) };
        let (number, hash) = match &self.last {
            Some(last) => (last.number, last.hash.as_str()),
            None => (0, AuditEntry::NOTHING),
        };
        if entry.number <= number {
            return Err(Flaw::OutOfTurn);
        }
        if entry.number == number + 1 {
            return if entry.previous == hash { sound } else { Err(Flaw::Unlinked) };
        }
        match (self.extent, &self.last) {
            (Extent::Whole, _) => {
                self.gaps.insert(entry.number - 1, entry.previous.clone());
                sound
            }
            (Extent::Tenant, Some(last)) if !next(last.place.as_ref(), entry.place.as_ref()) => {
                Err(Flaw::Missing)
            }
            (Extent::Tenant, _) => sound,
        }
    }

    fn breaks(&mut self, number: u64, flaw: Flaw) {
        if self.broken.is_none_or(|broken| number < broken.number) {
            self.broken = Some(Broken { number, flaw });
        }
    }
}

/// What an entry says of a removal, if it is about one.
fn pruned(entry: &AuditEntry) -> Option<Pruned> {
    match entry.deed {
        Deed::Prune => Pruned::deserialize(entry.after.as_ref()?).ok(),
        Deed::Create | Deed::Update | Deed::Delete | Deed::SignIn | Deed::SignOut => None,
    }
}

fn next(before: Option<&Place>, after: Option<&Place>) -> bool {
    matches!((before, after), (Some(a), Some(b)) if a.org_id == b.org_id && a.nth + 1 == b.nth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Actor, OrgId, Outcome, TenantId, Timestamp};

    /// A log of as many entries; each third one belongs to a tenant.
    fn log(entries: u64) -> Vec<AuditEntry> {
        let mut log: Vec<AuditEntry> = Vec::new();
        for number in 1..=entries {
            let previous = log.last().map_or(AuditEntry::NOTHING.to_owned(), |last| last.hash.clone());
            log.push(entry(number, previous, Deed::Update, None));
        }
        log
    }

    fn entry(number: u64, previous: String, deed: Deed, after: Option<Pruned>) -> AuditEntry {
        let acme = TenantId::parse("acme").expect("an id");
        let place = Place { org_id: OrgId::nth(&acme, 1), nth: number / 3 };
        AuditEntry {
            number,
            at: Timestamp::from_seconds(number),
            actor: Actor::default(),
            request_id: String::new(),
            deed,
            resource: "tenants".to_owned(),
            id: "acme".to_owned(),
            tenant: Some(acme),
            place: number.is_multiple_of(3).then_some(place),
            before: None,
            after: after.map(|after| serde_json::to_value(after).expect("JSON")),
            outcome: Outcome::Done,
            detail: String::new(),
            previous,
            hash: String::new(),
        }
        .sealed()
    }

    fn verdict(extent: Extent, log: &[AuditEntry]) -> Verdict {
        let mut verifier = Verifier::new(extent);
        for entry in log {
            verifier.add(entry);
        }
        verifier.end()
    }

    fn broken(log: &[AuditEntry]) -> Option<(u64, Flaw)> {
        verdict(Extent::Whole, log).broken.map(|broken| (broken.number, broken.flaw))
    }

    #[test]
    fn a_whole_log_is_intact_and_an_empty_one_too() {
        let log = log(9);
        let whole = verdict(Extent::Whole, &log);
        assert_eq!((whole.entries, whole.span, whole.broken), (9, Some((1, 9)), None));
        assert_eq!(whole.hash, log[8].hash);
        let empty = verdict(Extent::Whole, &[]);
        assert_eq!((empty.entries, empty.span, empty.hash.as_str()), (0, None, AuditEntry::NOTHING));
    }

    #[test]
    fn every_kind_of_tampering_is_found_where_it_begins() {
        let whole = log(9);
        let with = |change: &dyn Fn(&mut Vec<AuditEntry>)| {
            let mut log = whole.clone();
            change(&mut log);
            broken(&log)
        };
        assert_eq!(with(&|log| log[4].id = "other".to_owned()), Some((5, Flaw::Changed)));
        let rewritten = with(&|log| {
            log[4].id = "other".to_owned();
            log[4] = log[4].clone().sealed();
        });
        assert_eq!(rewritten, Some((6, Flaw::Unlinked)));
        assert_eq!(with(&|log| drop(log.remove(4))), Some((6, Flaw::Missing)));
        assert_eq!(with(&|log| drop(log.remove(0))), Some((2, Flaw::Missing)));
        assert_eq!(with(&|log| log.swap(3, 4)), Some((4, Flaw::OutOfTurn)));
        assert_eq!(with(&|log| log.insert(1, log[0].clone())), Some((1, Flaw::OutOfTurn)));
        assert_eq!(with(&|log| log[0].previous = "0".to_owned()), Some((1, Flaw::Unlinked)));
    }

    #[test]
    fn what_retention_removed_is_missed_by_nobody_else() {
        let whole = log(9);
        let last = whole.last().expect("nine");
        let told = |through: u64, hash: &str| {
            let pruned = Pruned { entries: 3, through, hash: hash.to_owned() };
            [&whole[3..], &[entry(10, last.hash.clone(), Deed::Prune, Some(pruned))]].concat()
        };
        assert_eq!(broken(&told(3, &whole[2].hash)), None);
        assert_eq!(broken(&told(2, &whole[2].hash)), Some((4, Flaw::Missing)), "another number");
        assert_eq!(broken(&told(3, &whole[1].hash)), Some((4, Flaw::Missing)), "another hash");
    }

    #[test]
    fn of_a_tenant_no_entry_of_its_own_may_be_missing() {
        let part: Vec<_> = log(20).into_iter().filter(|entry| entry.place.is_some()).collect();
        assert_eq!(part.len(), 6);
        assert_eq!(verdict(Extent::Tenant, &part).broken, None);
        assert_eq!(verdict(Extent::Tenant, &part[2..]).broken, None, "older ones were removed");
        let gap = [&part[..2], &part[3..]].concat();
        assert_eq!(verdict(Extent::Tenant, &gap).broken, Some(Broken { number: 12, flaw: Flaw::Missing }));
        assert!(verdict(Extent::Whole, &part).broken.is_some());
    }
}

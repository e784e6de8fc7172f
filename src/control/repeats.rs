//! Joins what is refused again and again: the first time is told at once, what is alike after it in
//! ever longer pauses, with how often it came. An agent with an old token asks for days, and may
//! not use up what the audit log has room for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::model::{Incident, Timestamp};

/// What is followed at once; more is told of in each batch in which it comes.
const FOLLOWED: usize = 4096;
/// Longest pause between two entries that are alike, in batches.
const LONGEST_PAUSE: u32 = 512;
/// What does not come again for so many batches is forgotten.
const FORGOTTEN: u32 = 1024;

/// What was told of and may go on.
#[derive(Default)]
pub(super) struct Repeats {
    /// By the incident without its time and request.
    followed: HashMap<Incident, Series>,
}

/// Incidents that are alike.
#[derive(Default)]
struct Series {
    /// The first one that no entry tells of, and how many there are.
    untold: Option<(Incident, u64)>,
    /// Batches between the entries, as it stands, and those to go before the next.
    pause: u32,
    left: u32,
    /// Batches since it came last.
    quiet: u32,
}

impl Repeats {
    /// What is to be told of one batch: each incident once, with how often it came. The time and the
    /// request are those of the first; in the order of those. The last batch leaves nothing untold.
    pub(super) fn due(&mut self, incidents: Vec<Incident>, last: bool) -> Vec<(Incident, u64)> {
        let mut due = Vec::new();
        for (alike, (incident, times)) in joined(incidents) {
            let followed = self.followed.len();
            match self.followed.entry(alike) {
                Entry::Occupied(mut series) => series.get_mut().add(incident, times),
                Entry::Vacant(place) if followed < FOLLOWED => {
                    place.insert(Series::default()).add(incident, times);
                }
                Entry::Vacant(_) => due.push((incident, times)),
            }
        }
        self.followed.retain(|_, series| {
            due.extend(series.pass(last));
            series.quiet < FORGOTTEN
        });
        let key = |(one, _): &(Incident, u64)| (one.at, one.reason.clone(), one.id.clone());
        due.sort_by_cached_key(key);
        due
    }
}

impl Series {
    fn add(&mut self, incident: Incident, times: u64) {
        self.quiet = 0;
        self.untold.get_or_insert((incident, 0)).1 += times;
    }

    /// A batch goes by: what is to be told now.
    fn pass(&mut self, last: bool) -> Option<(Incident, u64)> {
        self.quiet += 1;
        if self.left > 0 && !last {
            self.left -= 1;
            return None;
        }
        let told = self.untold.take()?;
        self.left = self.pause;
        self.pause = (2 * self.pause).clamp(1, LONGEST_PAUSE);
        Some(told)
    }
}

/// The first of those that are alike, and how many there are; by what they have in common.
fn joined(incidents: Vec<Incident>) -> HashMap<Incident, (Incident, u64)> {
    let mut joined = HashMap::new();
    for incident in incidents {
        let alike =
            Incident { at: Timestamp::from_seconds(0), request_id: String::new(), ..incident.clone() };
        joined.entry(alike).or_insert((incident, 0)).1 += 1;
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Actor, Deed};

    fn incident(address: &str, second: u64) -> Incident {
        let text = String::new;
        let actor =
            Actor { kind: text(), id: text(), name: text(), via: text(), address: address.to_owned() };
        Incident {
            at: Timestamp::from_seconds(second),
            actor,
            request_id: second.to_string(),
            deed: Deed::SignIn,
            resource: text(),
            id: text(),
            tenant: None,
            reason: text(),
        }
    }

    /// Seconds of one day at which there was an entry, and how many incidents each told of.
    fn told(every: u64) -> Vec<(u64, u64)> {
        let mut repeats = Repeats::default();
        let mut told = Vec::new();
        for second in 0..86_400 {
            let incidents = if second % every == 0 { vec![incident("a", second)] } else { Vec::new() };
            let due = repeats.due(incidents, second == 86_399);
            told.extend(due.into_iter().map(|(_, times)| (second, times)));
        }
        told
    }

    #[test]
    fn what_goes_on_for_a_day_is_few_entries_that_leave_nothing_out() {
        for every in [1, 15, 60, 600] {
            let told = told(every);
            assert_eq!(told[0], (0, 1), "the first is told at once");
            assert_eq!(told.iter().map(|(_, times)| times).sum::<u64>(), 86_400 / every);
            assert!(told.len() <= 180, "{} entries of one every {every} s", told.len());
            assert!(told.windows(2).all(|pair| pair[1].0 - pair[0].0 <= u64::from(LONGEST_PAUSE) + every));
        }
    }

    #[test]
    fn the_second_time_is_told_at_once_too() {
        let mut repeats = Repeats::default();
        let due = repeats.due(vec![incident("a", 1), incident("b", 2), incident("a", 3)], false);
        assert_eq!(due, [(incident("a", 1), 2), (incident("b", 2), 1)]);
        assert_eq!(repeats.due(vec![incident("a", 4)], false), [(incident("a", 4), 1)]);
        assert!(repeats.due(vec![incident("a", 5), incident("a", 6)], false).is_empty());
        assert_eq!(repeats.due(Vec::new(), false), [(incident("a", 5), 2)]);
        assert!(repeats.due(Vec::new(), true).is_empty());
    }

    #[test]
    fn what_is_too_much_to_be_followed_is_joined_within_its_batch() {
        let mut repeats = Repeats::default();
        let many = (0..FOLLOWED).map(|nth| incident(&nth.to_string(), 1)).collect();
        assert_eq!(repeats.due(many, false).len(), FOLLOWED);
        for second in 2..9 {
            let due = repeats.due(vec![incident("a", second); 1000], false);
            assert_eq!(due, [(incident("a", second), 1000)]);
        }
        assert_eq!(repeats.followed.len(), FOLLOWED);
    }

    #[test]
    fn callers_who_come_once_are_forgotten() {
        let mut repeats = Repeats::default();
        for second in 0..u64::from(2 * FORGOTTEN) {
            repeats.due((0..8).map(|nth| incident(&format!("{second} {nth}"), second)).collect(), false);
            assert!(repeats.followed.len() <= FOLLOWED);
        }
        for _ in 0..FORGOTTEN {
            repeats.due(Vec::new(), false);
        }
        assert!(repeats.followed.is_empty());
    }
}

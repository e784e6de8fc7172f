//! When two match rules cannot be told apart. Pure over `model`; how requests are matched is not
//! decided here, but every order that `ambiguous` takes for granted is.
//!
//! The order: an exact host before a host with a placeholder before any host; then the paths
//! segment by segment from the left, a literal before a placeholder before the end.

use crate::model::{HostTemplate, MatchRule};

/// Whether some request matches both rules and neither is the more specific one.
pub fn ambiguous(a: &MatchRule, b: &MatchRule) -> bool {
    // Paths that differ do so first at some segment. There one of them has the higher rank, or
    // both have literals, and then no path begins with both.
    segments(a) == segments(b) && hosts_meet(a.host.as_ref(), b.host.as_ref())
}

/// The path's segments, none for any path: two rules can only be ambiguous when these are equal.
pub(super) fn segments(rule: &MatchRule) -> &[Option<String>] {
    rule.path.as_ref().map_or(&[], |path| path.0.as_slice())
}

/// Whether the hosts have the same rank and some host matches both.
fn hosts_meet(a: Option<&HostTemplate>, b: Option<&HostTemplate>) -> bool {
    let (a, b) = match (a, b) {
        (None, None) => return true,
        (Some(a), Some(b)) if a.has_tenant() == b.has_tenant() => (&a.0, &b.0),
        _ => return false,
    };
    a.len() == b.len() && a.iter().zip(b).all(|(one, other)| one.is_none() || other.is_none() || one == other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(host: &str, path: &str) -> MatchRule {
        MatchRule {
            host: (!host.is_empty()).then(|| host.parse().expect("a host")),
            path: (!path.is_empty()).then(|| path.parse().expect("a path")),
            strip: true,
        }
    }

    #[test]
    fn rules_that_catch_equally_are_found() {
        let same = [
            (("{tenant}.example.com", ""), ("{tenant}.example.com", "/")),
            (("{tenant}.example.com", ""), ("a.{tenant}.com", "")),
            (("", "/t/{tenant}"), ("", "/t/{tenant}/")),
            (("gw.example.com", "/{tenant}"), ("GW.example.com.", "/{tenant}")),
            (("{tenant}.b", "/api"), ("a.{tenant}", "/api")),
        ];
        for ((ha, pa), (hb, pb)) in same {
            assert!(ambiguous(&rule(ha, pa), &rule(hb, pb)), "{ha}{pa} {hb}{pb}");
        }
        let apart = [
            (("a.example.com", "/{tenant}"), ("{tenant}.example.com", "/x")),
            (("{tenant}.example.com", ""), ("", "/{tenant}")),
            (("{tenant}.example.com", ""), ("{tenant}.example.org", "")),
            (("{tenant}.example.com", ""), ("a.{tenant}.example.com", "")),
            (("a.{tenant}.com", ""), ("{tenant}.b.org", "")),
            (("", "/a/{tenant}"), ("", "/{tenant}/b")),
            (("", "/a/{tenant}"), ("", "/b/{tenant}")),
            (("{tenant}.b", "/api"), ("{tenant}.b", "/api/v1")),
        ];
        for ((ha, pa), (hb, pb)) in apart {
            assert!(!ambiguous(&rule(ha, pa), &rule(hb, pb)), "{ha}{pa} {hb}{pb}");
        }
    }

    /// Literals `a` and `b`, and at most one placeholder.
    fn template(most: usize) -> impl Strategy<Value = Vec<Option<String>>> {
        let literals = prop::collection::vec("[ab]", 1..=most);
        (literals, prop::option::of(0..most)).prop_map(|(literals, tenant)| {
            let caught = |index| tenant == Some(index);
            literals.into_iter().enumerate().map(|(i, text)| (!caught(i)).then_some(text)).collect()
        })
    }

    fn any_rule() -> impl Strategy<Value = MatchRule> {
        let host = prop::option::of(template(3).prop_map(HostTemplate));
        let path = prop::option::of(template(3).prop_map(crate::model::PathTemplate));
        (host, path).prop_map(|(host, path)| MatchRule { host, path, strip: true })
    }

    fn fits(template: &[Option<String>], parts: &[String]) -> bool {
        template.len() <= parts.len()
            && template.iter().zip(parts).all(|(want, part)| want.as_ref().is_none_or(|want| want == part))
    }

    fn matches(rule: &MatchRule, host: &[String], path: &[String]) -> bool {
        rule.host.as_ref().is_none_or(|h| h.0.len() == host.len() && fits(&h.0, host))
            && rule.path.as_ref().is_none_or(|p| fits(&p.0, path))
    }

    /// A number per step of the order; the greater list is the more specific rule.
    fn rank(rule: &MatchRule) -> Vec<u8> {
        let host = match &rule.host {
            None => 0,
            Some(host) if host.0.contains(&None) => 1,
            Some(_) => 2,
        };
        let path = rule.path.iter().flat_map(|path| &path.0);
        std::iter::once(host).chain(path.map(|segment| 1 + u8::from(segment.is_some()))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn two_equal_matches_are_ambiguous(
            a in any_rule(), b in any_rule(),
            host in prop::collection::vec("[ab]", 1..=3), path in prop::collection::vec("[ab]", 0..=3),
        ) {
            if matches(&a, &host, &path) && matches(&b, &host, &path) && rank(&a) == rank(&b) {
                prop_assert!(ambiguous(&a, &b));
            }
        }

        #[test]
        fn ambiguous_rules_have_a_request_that_both_match(a in any_rule(), b in any_rule()) {
            prop_assert_eq!(ambiguous(&a, &b), ambiguous(&b, &a));
            if ambiguous(&a, &b) {
                prop_assert_eq!(rank(&a), rank(&b));
                let host: Vec<String> = match (&a.host, &b.host) {
                    (Some(a), Some(b)) => a.0.iter().zip(&b.0)
                        .map(|(a, b)| a.clone().or(b.clone()).unwrap_or("a".to_owned())).collect(),
                    _ => vec!["a".to_owned()],
                };
                let path: Vec<String> =
                    segments(&a).iter().map(|s| s.clone().unwrap_or("a".to_owned())).collect();
                prop_assert!(matches(&a, &host, &path) && matches(&b, &host, &path));
            }
        }
    }
}

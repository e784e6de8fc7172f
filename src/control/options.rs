//! A tenant's labels and options: what may stand in them, and how they are changed entry by entry.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, Flaws, LabelName, LabelValue};
use crate::catalog::Methods;
use crate::model::{ServiceOptions, Upstream, UpstreamError};

/// Labels that a tenant can have.
const LABELS: usize = 64;

/// Which entries of a map are set and which are taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<K, V> {
    /// Whether the map is emptied first.
    pub clear: bool,
    /// None takes the entry out.
    pub entries: Vec<(K, Option<V>)>,
}

/// What shall become of the options at one service. What is none stays; inner none is as the service
/// has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionsChange {
    pub upstreams: Option<Option<OwnUpstreams>>,
    pub methods: Option<Option<MethodNames>>,
    pub max_body_bytes: Option<Option<u64>>,
}

/// Back ends of a tenant's own: 1 to 16.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnUpstreams(Vec<Upstream>);

/// Names of methods, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodNames(BTreeSet<String>);

/// Why texts are no [`OwnUpstreams`] or no [`MethodNames`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    #[error("has 1 to {most} addresses, this one has {found}", most = OwnUpstreams::MOST)]
    Count { found: usize },
    #[error("address {nth}: {error}")]
    Address { nth: usize, error: UpstreamError },
    #[error("names at least one method; null lets all through")]
    NoMethod,
    #[error("{0:?} is not one of GET (with HEAD), HEAD, POST, PUT, PATCH, DELETE, OPTIONS")]
    Method(String),
}

impl OwnUpstreams {
    const MOST: usize = 16;

    pub fn parse<'a>(texts: impl ExactSizeIterator<Item = &'a str>) -> Result<Self, OptionsError> {
        if !(1..=Self::MOST).contains(&texts.len()) {
            return Err(OptionsError::Count { found: texts.len() });
        }
        let address = |(index, text): (usize, &str)| {
            text.parse().map_err(|error| OptionsError::Address { nth: index + 1, error })
        };
        texts.enumerate().map(address).collect::<Result<_, _>>().map(OwnUpstreams)
    }
}

impl MethodNames {
    pub fn parse<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, OptionsError> {
        let known = |name: &str| match Methods::named(name) {
            Some(_) => Ok(name.to_owned()),
            None => Err(OptionsError::Method(name.to_owned())),
        };
        let names: BTreeSet<String> = names.map(known).collect::<Result<_, _>>()?;
        if names.is_empty() { Err(OptionsError::NoMethod) } else { Ok(MethodNames(names)) }
    }
}

impl OptionsChange {
    fn apply(self, options: &mut ServiceOptions) {
        if let Some(upstreams) = self.upstreams {
            options.upstreams = upstreams.map(|own| own.0);
        }
        if let Some(methods) = self.methods {
            options.methods = methods.map(|names| names.0);
        }
        if let Some(most) = self.max_body_bytes {
            options.max_body_bytes = most;
        }
    }
}

/// Changes labels; refuses too many.
pub(super) fn label(
    labels: &mut BTreeMap<String, String>,
    edit: Edit<LabelName, LabelValue>,
) -> Result<(), Fault> {
    if edit.clear {
        labels.clear();
    }
    for (name, value) in edit.entries {
        match value {
            Some(value) => drop(labels.insert(name.into(), value.into())),
            None => drop(labels.remove(&String::from(name))),
        }
    }
    match labels.len() {
        0..=LABELS => Ok(()),
        found => Err(Fault::invalid("labels", format_args!("are at most {LABELS}, these would be {found}"))),
    }
}

/// Changes options; refuses new ones at services that do not exist.
pub(super) fn tune(
    options: &mut BTreeMap<String, ServiceOptions>,
    edit: Edit<String, OptionsChange>,
    services: &[String],
) -> Result<(), Fault> {
    let before = options.clone();
    if edit.clear {
        options.clear();
    }
    for (service, change) in edit.entries {
        let mut tuned = options.remove(&service).unwrap_or_default();
        let Some(change) = change else { continue };
        change.apply(&mut tuned);
        if tuned != ServiceOptions::default() {
            options.insert(service, tuned);
        }
    }
    let mut flaws = Flaws::default();
    // What was there may outlive its service: the configuration can bring that back.
    for (service, _) in options.iter().filter(|(service, tuned)| before.get(*service) != Some(*tuned)) {
        if !services.contains(service) {
            flaws.add(&format!("options.{service}"), no_service(services));
        }
    }
    flaws.settle()
}

/// What somebody is told who names a service that is not among these.
fn no_service(services: &[String]) -> String {
    format!("there is no such service; there are {}", services.join(", "))
}

/// What is wrong with the names of services to which a role shall be limited, if anything: each must
/// be one of `services`. What was limited before may outlive its service.
pub(super) fn unknown_service(names: Option<&BTreeSet<String>>, services: &[String]) -> Option<String> {
    let unknown = names?.iter().find(|name| !services.contains(name))?;
    Some(format!("{unknown:?}: {}", no_service(services)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit<V>(clear: bool, entries: Vec<(&str, Option<V>)>) -> Edit<String, V> {
        let entries = entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Edit { clear, entries }
    }

    fn most(bytes: u64) -> OptionsChange {
        OptionsChange { max_body_bytes: Some(Some(bytes)), ..OptionsChange::default() }
    }

    #[test]
    fn options_change_service_by_service() {
        let (mut options, services) = (BTreeMap::new(), ["logs".to_owned(), "metrics".to_owned()]);
        let mut tune = |edit| tune(&mut options, edit, &services).map(|()| options.clone());
        tune(edit(false, vec![("metrics", Some(most(1))), ("logs", Some(most(2)))])).expect("services");
        let methods = MethodNames::parse(["GET"].into_iter()).expect("a method");
        let only = OptionsChange { methods: Some(Some(methods)), ..OptionsChange::default() };
        let tuned = tune(edit(false, vec![("metrics", Some(only)), ("logs", None)])).expect("services");
        assert_eq!(tuned.keys().collect::<Vec<_>>(), ["metrics"]);
        assert_eq!((tuned["metrics"].max_body_bytes, tuned["metrics"].methods.is_some()), (Some(1), true));
        let replaced = tune(edit(true, vec![("metrics", Some(most(3)))])).expect("services");
        assert_eq!(replaced["metrics"], ServiceOptions { max_body_bytes: Some(3), ..Default::default() });
        let nothing = OptionsChange { max_body_bytes: Some(None), ..OptionsChange::default() };
        assert!(tune(edit(false, vec![("metrics", Some(nothing))])).expect("services").is_empty());
        let Err(Fault::Invalid(flaws)) = tune(edit(false, vec![("traces", Some(most(1)))])) else {
            panic!("there is no such service")
        };
        assert_eq!(flaws.0[0].field, "options.traces");
        assert!(flaws.0[0].message.contains("logs, metrics"), "{flaws}");
    }

    #[test]
    fn options_outlive_their_service_and_are_not_made_without() {
        let mut options = BTreeMap::new();
        let made = edit(false, vec![("metrics", Some(most(1)))]);
        tune(&mut options, made.clone(), &["metrics".to_owned()]).expect("a service");
        tune(&mut options, Edit { clear: true, ..made }, &[]).expect("nothing has changed");
        assert!(tune(&mut options, edit(false, vec![("metrics", Some(most(2)))]), &[]).is_err());
        tune(&mut options, edit(false, vec![("metrics", None)]), &[]).expect("it goes");
        assert!(options.is_empty());
    }

    #[test]
    fn labels_are_few() {
        let mut labels = BTreeMap::new();
        let set = |from: usize, to: usize| {
            let name = |nth| LabelName::parse(format!("l{nth}")).expect("a name");
            let entries = (from..to).map(|nth| (name(nth), Some(LabelValue::default()))).collect();
            Edit { clear: false, entries }
        };
        label(&mut labels, set(0, 64)).expect("64");
        assert!(label(&mut labels.clone(), set(64, 65)).is_err());
        let out =
            Edit { clear: false, entries: vec![(LabelName::parse("l0".into()).expect("a name"), None)] };
        label(&mut labels, out).expect("one less");
        label(&mut labels, set(64, 65)).expect("64 again");
    }

    #[test]
    fn what_is_no_address_or_method_is_refused() {
        let upstreams = |texts: &[&str]| OwnUpstreams::parse(texts.iter().copied());
        assert_eq!(upstreams(&[]), Err(OptionsError::Count { found: 0 }));
        assert_eq!(upstreams(&["http://a"; 17]), Err(OptionsError::Count { found: 17 }));
        let tls = OptionsError::Address { nth: 2, error: UpstreamError::Tls };
        assert_eq!(upstreams(&["http://a", "https://b"]), Err(tls));
        let methods = |names: &[&str]| MethodNames::parse(names.iter().copied());
        assert_eq!(methods(&[]), Err(OptionsError::NoMethod));
        assert_eq!(methods(&["get"]), Err(OptionsError::Method("get".into())));
        assert_eq!(methods(&["TRACE"]), Err(OptionsError::Method("TRACE".into())));
    }
}

//! What differs for one tenant at single services, ready to be decided upon.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Backend;
use crate::catalog::Methods;
use crate::model::{ServiceOptions, Upstream};

/// What differs for a tenant at one service. What is none is as the service has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// At least one.
    pub backends: Option<Box<[Backend]>>,
    /// The methods that are let through.
    pub methods: Option<Methods>,
    /// The largest body of a request.
    pub max_body_bytes: Option<u64>,
}

/// A tenant's options by the names of services. Most tenants have none.
pub type AllOptions = Box<[(Box<str>, Arc<Options>)]>;

/// Compiles a tenant's options. Back ends that were there `before` stay the very same, and with them
/// the connections to them.
pub(super) fn compile(
    records: BTreeMap<String, ServiceOptions>,
    before: &[(Box<str>, Arc<Options>)],
) -> AllOptions {
    let compile = |(service, record): (String, ServiceOptions)| {
        let ServiceOptions { upstreams, methods, max_body_bytes } = record;
        let known = find(before, &service).and_then(|options| options.backends.as_deref());
        let backend = |address: Upstream| {
            let same = known.into_iter().flatten().find(|backend| backend.address == address);
            same.cloned().unwrap_or_else(|| Backend::new(address))
        };
        let options = Options {
            // A service without any back end has nowhere to send to, so it keeps its own.
            backends: upstreams
                .filter(|upstreams| !upstreams.is_empty())
                .map(|upstreams| upstreams.into_iter().map(backend).collect()),
            // What is no method lets nothing through.
            methods: methods.map(|names| {
                names.iter().filter_map(|name| Methods::named(name)).fold(Methods::NONE, Methods::union)
            }),
            max_body_bytes,
        };
        (service.into_boxed_str(), Arc::new(options))
    };
    records.into_iter().map(compile).collect()
}

/// The options at a service.
pub(super) fn find<'o>(options: &'o [(Box<str>, Arc<Options>)], service: &str) -> Option<&'o Arc<Options>> {
    options.iter().find(|(name, _)| name.as_ref() == service).map(|(_, options)| options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(upstreams: &[&str]) -> BTreeMap<String, ServiceOptions> {
        let upstreams = upstreams.iter().map(|text| text.parse().expect("an address")).collect();
        let options = ServiceOptions { upstreams: Some(upstreams), ..ServiceOptions::default() };
        BTreeMap::from([("metrics".to_owned(), options)])
    }

    fn ids(options: &AllOptions) -> Vec<u64> {
        let backends = options.iter().filter_map(|(_, options)| options.backends.as_deref());
        backends.flatten().map(|backend| backend.id).collect()
    }

    #[test]
    fn back_ends_that_stay_are_the_very_same() {
        let first = compile(record(&["http://a", "http://b"]), &[]);
        let second = compile(record(&["http://b", "http://c"]), &first);
        assert_eq!(ids(&second)[0], ids(&first)[1]);
        assert!(!ids(&first).contains(&ids(&second)[1]));
        let another = compile(record(&["http://a", "http://b"]), &[]);
        assert!(ids(&another).iter().all(|id| !ids(&first).contains(id)), "a tenant's are its own");
    }

    #[test]
    fn methods_are_those_that_are_named() {
        let named = |names: &[&str]| {
            let methods = Some(names.iter().map(|name| (*name).to_owned()).collect());
            let options = ServiceOptions { methods, ..ServiceOptions::default() };
            let compiled = compile(BTreeMap::from([("metrics".to_owned(), options)]), &[]);
            compiled[0].1.methods.map(|methods| methods.to_string())
        };
        assert_eq!(named(&["POST", "GET"]).as_deref(), Some("GET, HEAD, POST"));
        assert_eq!(named(&["BREW"]).as_deref(), Some(""));
    }
}

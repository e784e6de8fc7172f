//! The generic table, for back ends that have none of their own.

use super::{DATA_READ, DATA_WRITE, Methods, Route, route};

const CHANGES: Methods =
    Methods::POST.union(Methods::PUT).union(Methods::PATCH).union(Methods::DELETE).union(Methods::OPTIONS);

/// Whatever the path, GET and HEAD read and the rest writes. Source: the meaning of safe methods,
/// RFC 9110 §9.2.1; OPTIONS counts as a change so that reading stays two methods and no more.
/// It lists everything, what operates the back end included: only for back ends that serve such
/// paths on another port, or have none.
pub(super) static ROUTES: &[Route] =
    &[route(Methods::GET, "/**", DATA_READ), route(CHANGES, "/**", DATA_WRITE)];

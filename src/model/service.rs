//! Services as configured: what a tenant can reach, by which hosts and paths, and where it lies.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Upstream;

/// One kind of back end that tenants reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The key in `services:`; the label of its metrics.
    pub name: String,
    pub rules: Vec<MatchRule>,
    /// At least one; requests go round them.
    pub upstreams: Vec<Upstream>,
    /// A valid header name in lower case.
    pub tenant_header: String,
    pub api: Api,
    pub unlisted: Unlisted,
    pub timeouts: Timeouts,
}

/// Which table of the catalog says what a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    Cortex,
    Loki,
    Prometheus,
    ReadWrite,
}

impl Api {
    pub const ALL: [Api; 4] = [Api::Cortex, Api::Loki, Api::Prometheus, Api::ReadWrite];

    /// As written in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Api::Cortex => "cortex",
            Api::Loki => "loki",
            Api::Prometheus => "prometheus",
            Api::ReadWrite => "read-write",
        }
    }
}

/// What happens to a path that the table does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// 404.
    Deny,
    /// Judged as the generic `read-write` table would.
    Allow,
}

/// How long each phase of an exchange with a back end may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until connected; 504 after.
    pub connect: Duration,
    /// From the last byte of the request to the first of the answer; 504 after.
    pub first_byte: Duration,
    /// The whole exchange; 504 after, or the connection is cut when the answer has begun.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            whole: Duration::from_secs(600),
        }
    }
}

/// One way to reach a service. Exactly one of the two templates has the placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchRule {
    /// Any host when none.
    pub host: Option<HostTemplate>,
    /// A prefix that ends at a segment's boundary; any path when none.
    pub path: Option<PathTemplate>,
    /// Whether the prefix is taken off before the request is judged and forwarded.
    pub strip: bool,
}

/// `cortex.{tenant}.example.com`: labels in lower case, `None` for the placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostTemplate(pub Vec<Option<String>>);

/// `/t/{tenant}/metrics`: segments as they stand in the URL, `None` for the placeholder. Empty for `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathTemplate(pub Vec<Option<String>>);

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error(
        "a host is labels of a-z, 0-9, '-' and '_' with dots between, or an IP address; {0:?} is no label"
    )]
    Label(String),
    #[error("a host has at most 253 characters")]
    TooLong,
    #[error("a path begins with '/'")]
    NoSlash,
    #[error(
        "{0:?} cannot be a segment of a path: empty and dot segments, '%', ';', '\\', '?', '#', quotes and spaces have no place there"
    )]
    Segment(String),
    #[error("{{tenant}} stands alone between dots or slashes; {0:?} has more beside it")]
    PartialPlaceholder(String),
    #[error("only one {{tenant}} can be caught")]
    TwoPlaceholders,
    #[error("unknown placeholder {0:?}: only {{tenant}} is known")]
    UnknownPlaceholder(String),
}

const PLACEHOLDER: &str = "{tenant}";

impl HostTemplate {
    pub fn has_tenant(&self) -> bool {
        self.0.iter().any(Option::is_none)
    }
}

impl PathTemplate {
    pub fn has_tenant(&self) -> bool {
        self.0.iter().any(Option::is_none)
    }
}

impl FromStr for HostTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.len() > 253 {
            return Err(TemplateError::TooLong);
        }
        let lower = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label = |part: &str| {
            let fits = (1..=63).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if fits { Ok(()) } else { Err(TemplateError::Label(part.to_owned())) }
        };
        template(lower.split('.'), label).map(HostTemplate)
    }
}

impl FromStr for PathTemplate {
    type Err = TemplateError;

    /// A trailing slash means nothing: prefixes end at segments.
    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let inner = text.strip_prefix('/').ok_or(TemplateError::NoSlash)?;
        if inner.is_empty() {
            return Ok(PathTemplate(Vec::new()));
        }
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let segment = |part: &str| {
            let fits = !matches!(part, "" | "." | "..")
                && part.bytes().all(|b| b.is_ascii_graphic() && !br#"%;\?#"{}<>^`|"#.contains(&b));
            if fits { Ok(()) } else { Err(TemplateError::Segment(part.to_owned())) }
        };
        template(inner.split('/'), segment).map(PathTemplate)
    }
}

fn template<'a>(
    parts: impl Iterator<Item = &'a str>,
    check: impl Fn(&str) -> Result<(), TemplateError>,
) -> Result<Vec<Option<String>>, TemplateError> {
    let mut template = Vec::new();
    for part in parts {
        if part == PLACEHOLDER {
            if template.contains(&None) {
                return Err(TemplateError::TwoPlaceholders);
            }
            template.push(None);
        } else if part.contains(PLACEHOLDER) {
            return Err(TemplateError::PartialPlaceholder(part.to_owned()));
        } else if part.starts_with('{') && part.ends_with('}') {
            return Err(TemplateError::UnknownPlaceholder(part.to_owned()));
        } else {
            check(part)?;
            template.push(Some(part.to_owned()));
        }
    }
    Ok(template)
}

impl fmt::Display for HostTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, label) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", label.as_deref().unwrap_or(PLACEHOLDER))?;
        }
        Ok(())
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|segment| write!(f, "/{}", segment.as_deref().unwrap_or(PLACEHOLDER)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_and_shown() {
        for text in ["cortex.{tenant}.example.com", "{tenant}.example.com", "gw.example.com", "127.0.0.1"] {
            assert_eq!(text.parse::<HostTemplate>().map(|t| t.to_string()), Ok(text.to_owned()));
        }
        for text in ["/", "/t/{tenant}/metrics", "/api/prom"] {
            assert_eq!(text.parse::<PathTemplate>().map(|t| t.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for bad in ["", "a..b", "x{tenant}.b", "{tenant}.{tenant}", "{service}.b", "a b", "ex*mple"] {
            assert!(bad.parse::<HostTemplate>().is_err(), "{bad:?}");
        }
        for bad in
            ["", "t", "//", "/a//b", "/..", "/a%2fb", "/{tenant}/{tenant}", "/a{tenant}", "/{org}", "/a;b"]
        {
            assert!(bad.parse::<PathTemplate>().is_err(), "{bad:?}");
        }
    }
}

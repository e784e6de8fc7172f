//! A back end's address as written: `http://host[:port][/base]`. Knows no key.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::problem::quoted;
use super::read::shape;
use super::word::Word;
use crate::model::{Upstream, UpstreamError};

impl Word for Upstream {
    const WHAT: &'static str = "text such as http://127.0.0.1:9009";

    fn word(text: &str) -> Result<Self, String> {
        text.parse().map_err(|fault| match fault {
            // The text is not shown: there may be a password in it.
            UpstreamError::Credentials => fault.to_string(),
            _ => format!("{}: {fault}", quoted(text)),
        })
    }
}

shape!([] Upstream, |_generator| {
    json_schema!({ "type": "string", "pattern": "^http://[^/?#@]+(/[^?#]*)?$" })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_show_the_text_unless_it_has_a_password() {
        assert!(Upstream::word("http://user:pass@a").is_err_and(|fault| !fault.contains("pass@")));
        assert!(
            Upstream::word("https://a").is_err_and(|fault| fault.contains("TLS") && fault.contains("//a"))
        );
    }
}

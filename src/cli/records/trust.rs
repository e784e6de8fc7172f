//! On which terms tokens are believed that somebody else signs: the same for trusted keys and issuers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::port::Fields;

/// For whom tokens speak, and what they have to say.
#[derive(clap::Args, Debug)]
pub struct Terms {
    /// A tenant that its tokens may speak for, of a key or issuer of the instance; can be repeated
    #[arg(long = "speaks-for", value_name = "ID", conflicts_with = "tenant")]
    tenants: Vec<String>,
    /// Its tokens may speak for every tenant; so it is unless --speaks-for or --tenant is said
    #[arg(long, conflicts_with_all = ["tenants", "tenant"])]
    all_tenants: bool,
    /// The claim that names the tenant [default of a new one: sub]
    #[arg(long, value_name = "NAME")]
    claim: Option<String>,
    /// What stands before the tenant's id in that claim [default of a new one: tenant- for sub, else nothing]
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Require this `aud`, alone or in a list [default: not looked at]
    #[arg(long, value_name = "AUD")]
    audience: Option<String>,
    /// Believe tokens without `exp` too: they never expire
    #[arg(long)]
    no_require_exp: bool,
    /// Refuse tokens without `exp`; so it is from the start
    #[arg(long, conflicts_with = "no_require_exp")]
    require_exp: bool,
    /// How far clocks may be apart, at most 60s [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = leeway)]
    leeway: Option<u8>,
    /// The role that its tokens have: admin, editor, viewer, writer, or the id of a role of its tenant
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// The claim by which a token narrows its rights, such as scope or scp [default: none does]
    #[arg(long, value_name = "NAME")]
    scopes_claim: Option<String>,
    /// What else there is to say
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Terms {
    /// Puts those that were said into a record.
    pub fn put(&self, record: &mut Fields) {
        let mut put = |field: &str, value: Option<Value>| {
            value.and_then(|value| record.insert(field.to_owned(), value));
        };
        put("tenants", (!self.tenants.is_empty()).then(|| json!(self.tenants)));
        put("tenants", self.all_tenants.then(|| json!("all")));
        put("audience", said(self.audience.as_deref()));
        put("require_exp", self.no_require_exp.then_some(Value::Bool(false)));
        put("require_exp", self.require_exp.then_some(Value::Bool(true)));
        put("leeway", self.leeway.map(|seconds| json!(seconds)));
        put("role", self.role.as_deref().map(|role| json!(role)));
        put("scopes_claim", said(self.scopes_claim.as_deref()));
        put("description", self.description.as_deref().map(|text| json!(text)));
        self.put_claim(record);
    }

    /// Whether nobody said for which tenants its tokens speak.
    pub fn speaks_for_unsaid(&self) -> bool {
        self.tenants.is_empty() && !self.all_tenants
    }

    pub fn gives_role(&self) -> bool {
        self.role.is_some()
    }

    /// Of a claim that is there, only what was said changes.
    fn put_claim(&self, record: &mut Fields) {
        let given = [("name", self.claim.as_deref()), ("prefix", self.prefix.as_deref())];
        let given = given.into_iter().filter_map(|(member, text)| Some((member, text?)));
        let claim = record.get_mut("claim").and_then(Value::as_object_mut);
        match claim {
            Some(claim) => claim.extend(given.map(|(member, text)| (member.to_owned(), json!(text)))),
            None if self.claim.is_some() || self.prefix.is_some() => {
                let name = self.claim.as_deref().unwrap_or("sub");
                let prefix = self.prefix.as_deref().unwrap_or(if name == "sub" { "tenant-" } else { "" });
                record.insert("claim".to_owned(), json!({ "name": name, "prefix": prefix }));
            }
            None => {}
        }
    }
}

/// A text that is required of tokens; an empty one takes the requirement back.
pub fn said(text: Option<&str>) -> Option<Value> {
    text.map(|text| if text.is_empty() { Value::Null } else { json!(text) })
}

/// Whole seconds, as the admin port counts them.
fn leeway(text: &str) -> Result<u8, String> {
    let time: Duration = humantime::parse_duration(text).map_err(|fault| fault.to_string())?;
    match u8::try_from(time.as_secs()) {
        Ok(seconds @ 0..=60) if time.subsec_nanos() == 0 => Ok(seconds),
        _ => Err("expected whole seconds from 0s to 60s".to_owned()),
    }
}

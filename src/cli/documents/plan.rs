//! Plans as people read them: what is made, changed and deleted, tenant by tenant.

use http::StatusCode;
use serde_json::Value;

use super::super::client::{ClientError, printable};
use super::super::fault::Failure;
use super::super::show::{self, Format, say};

/// The longest value that is shown whole, in characters.
const LONGEST: usize = 120;

pub fn is_empty(plan: &Value) -> bool {
    changes(plan).is_empty()
}

/// Writes a plan to standard output. What comes of it does not hang on who reads it.
pub fn print(plan: &Value, format: Format) -> Result<(), Failure> {
    show::print_beside(&match format {
        Format::Table if is_empty(plan) => "nothing to change\n".to_owned(),
        Format::Table => shown(plan),
        Format::Json | Format::Yaml => format.document(plan)?,
    })
}

fn changes(plan: &Value) -> &[Value] {
    plan["changes"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn shown(plan: &Value) -> String {
    let mut text = String::new();
    let (mut counts, mut leaving, mut last) = ([0_usize; 3], 0, None);
    for change in changes(plan) {
        let tenant = change["tenant"].as_str();
        if last != Some(tenant) {
            let heading =
                tenant.map_or_else(|| "the instance".to_owned(), |tenant| format!("tenant {tenant}"));
            text.push_str(&format!("{}{}\n", if last.is_some() { "\n" } else { "" }, printable(&heading)));
            last = Some(tenant);
        }
        let (sign, count) = match change["action"].as_str() {
            Some("create") => ('+', 0),
            Some("change") => ('~', 1),
            _ => ('-', 2),
        };
        counts[count] += 1;
        text.push_str(&format!("  {sign} {} {}\n", word(&change["kind"]), word(&change["name"])));
        for field in change["changes"].as_array().into_iter().flatten() {
            text.push_str(&line(sign, field));
            leaving += leavers(&change["kind"], field);
        }
    }
    let [made, changed, deleted] = counts;
    let leaving = match leaving {
        0 => String::new(),
        1 => ", 1 to leave a group".to_owned(),
        more => format!(", {more} to leave a group"),
    };
    text + &format!("\n{made} to create, {changed} to change, {deleted} to delete{leaving}\n")
}

/// How many are no more in a group of which the members change. Who only gets another place in it stays.
fn leavers(kind: &Value, field: &Value) -> usize {
    let who = |member: &Value| {
        let mut member = member.clone();
        member.as_object_mut().map(|fields| fields.remove("membership"));
        member
    };
    let list = |side: &str| field[side].as_array().into_iter().flatten().map(who).collect::<Vec<_>>();
    if kind != "Group" || field["field"] != "members" {
        return 0;
    }
    let staying = list("to");
    list("from").iter().filter(|member| !staying.contains(member)).count()
}

fn line(sign: char, field: &Value) -> String {
    let name = word(&field["field"]);
    match sign {
        '+' => format!("      {name}: {}\n", value(&field["to"])),
        _ => format!("      {name}: {} -> {}\n", value(&field["from"]), value(&field["to"])),
    }
}

fn word(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default()).replace('\n', "\\n")
}

fn value(value: &Value) -> String {
    let text = match value {
        Value::Null => return "-".to_owned(),
        Value::String(text) if text.is_empty() => return "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = printable(text.trim_end()).replace('\n', "\\n");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Says on standard error what was done; fails when not all of it was.
pub fn outcome(applied: &Value) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for part in applied["parts"].as_array().into_iter().flatten() {
        let tenant = part["tenant"].as_str();
        let name = tenant.map_or_else(|| "the instance".to_owned(), |tenant| format!("tenant {tenant}"));
        match part["state"].as_str() {
            Some("done") => say!("{}: done", printable(&name)),
            Some("failed") => failed.push(format!("{name}: {}", part["error"].as_str().unwrap_or_default())),
            _ => failed.push(format!("{name}: not tried")),
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => {
            let message =
                printable(&format!("{}\nNothing of these was done: apply again", failed.join("\n")));
            Err(Failure::Client(ClientError::Refused { status: StatusCode::CONFLICT, message }))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plans_are_read_by_people() {
        let plan = json!({"changes": [
            {"action": "create", "kind": "User", "name": "ann", "changes": [{"field": "email", "to": "ann"}]},
            {"tenant": "acme", "action": "change", "kind": "Role", "name": "x", "changes": [
                {"field": "description", "from": "", "to": "a\n\u{1b}[31mb"},
                {"field": "permissions", "from": {"logs": ["read"]}, "to": null},
            ]},
            {"tenant": "acme", "action": "delete", "kind": "Group", "name": "y", "changes": []},
        ]});
        assert_eq!(
            shown(&plan),
            "the instance\n  + User ann\n      email: ann\n\n\
             tenant acme\n  ~ Role x\n      description: \"\" -> a\\n\\u{1b}[31mb\n      \
             permissions: {\"logs\":[\"read\"]} -> -\n  - Group y\n\n\
             1 to create, 1 to change, 1 to delete\n"
        );
        let members = json!({"field": "members",
            "from": [{"user": "ann", "membership": "OWNER"}, {"user": "dan", "membership": "MEMBER"}],
            "to": [{"user": "ann", "membership": "MEMBER"}, {"user": "eve", "membership": "MEMBER"}]});
        let group = json!({"action": "change", "kind": "Group", "name": "y", "changes": [members]});
        let less = shown(&json!({"changes": [group]}));
        assert!(less.ends_with("0 to create, 1 to change, 0 to delete, 1 to leave a group\n"), "{less}");
        assert!(is_empty(&json!({"changes": []})) && !is_empty(&plan));
        assert_eq!(value(&"x".repeat(200).into()).chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_part_that_failed_is_a_failure() {
        assert!(outcome(&json!({"parts": [{"tenant": "a", "state": "done"}]})).is_ok());
        let parts =
            json!({"parts": [{"state": "failed", "error": "why"}, {"tenant": "a", "state": "planned"}]});
        let Err(Failure::Client(ClientError::Refused { message, .. })) = outcome(&parts) else {
            panic!("it is")
        };
        assert!(message.starts_with("the instance: why\ntenant a: not tried\n"), "{message}");
    }
}

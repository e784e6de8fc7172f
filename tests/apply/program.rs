//! The commands as people and pipelines run them, against a real gateway.

use std::fs;
use std::path::PathBuf;

use super::run::Outcome;
use super::served::Gateway;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/tenants.yaml");
const SECRET: &str = "Pl4nted-in-a-file";

/// A gateway, and what is brought to it.
struct Place(Gateway);

impl Place {
    fn new() -> Self {
        Place(Gateway::with_root())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let file: PathBuf = self.0.folder.path().join(name);
        fs::write(&file, text).expect("a file");
        file.to_str().expect("a plain path").to_owned()
    }

    fn run(&self, words: &[&str]) -> Outcome {
        self.0.tenantry(words).end()
    }

    /// What a run prints that has to end so.
    fn ends(&self, code: i32, words: &[&str]) -> String {
        let Outcome { code: ended, out, err } = self.run(words);
        assert_eq!(ended, code, "{words:?}: {out}{err}");
        if code == 0 || err.is_empty() { out } else { err }
    }
}

#[test]
fn the_example_is_planned_applied_and_true() {
    let place = Place::new();
    let plan = place.ends(0, &["apply", "-f", EXAMPLE, "--dry-run"]);
    for line in [
        "the instance\n  + User ann@example.com\n",
        "\ntenant acme\n  + Tenant acme\n",
        "\n20 to create, 0 to change",
    ] {
        assert!(plan.contains(line), "{line:?} is not in:\n{plan}");
    }
    let told = place.ends(1, &["diff", "-f", EXAMPLE]);
    assert_eq!(told, plan, "a difference is shown on standard output, and nothing else");
    let Outcome { code, out, err } = place.run(&["apply", "-f", EXAMPLE]);
    assert_eq!((code, &out), (2, &plan));
    assert!(err.contains("say --yes"), "{err}");
    let Outcome { code, out, err } = place.run(&["apply", "-f", EXAMPLE, "--yes"]);
    assert_eq!((code, out), (0, plan));
    assert_eq!(err, "the instance: done\ntenant acme: done\ntenant globex: done\n");
    assert_eq!(
        place.ends(0, &["apply", "-f", EXAMPLE]),
        "nothing to change\n",
        "nobody is asked for nothing"
    );
    assert_eq!(place.ends(0, &["diff", "-f", EXAMPLE, "--prune"]), "nothing to change\n");
    place.ends(0, &["tenants", "update", "acme", "--name", "Changed"]);
    let told = place.ends(1, &["diff", "-f", EXAMPLE]);
    assert_eq!(
        told,
        "tenant acme\n  ~ Tenant acme\n      name: Changed -> Acme, Inc.\n\n0 to create, 1 to change, 0 to delete\n"
    );
    let json = place.ends(1, &["diff", "-f", EXAMPLE, "-o", "json"]);
    assert!(json.contains("\"from\": \"Changed\""), "{json}");
}

#[test]
fn what_is_exported_is_applied_without_a_change_here_and_makes_the_same_there() {
    let (here, there) = (Place::new(), Place::new());
    here.ends(0, &["apply", "-f", EXAMPLE, "-y"]);
    let all = here.file("all.yaml", &here.ends(0, &["export"]));
    assert_eq!(here.ends(0, &["diff", "-f", &all, "--prune"]), "nothing to change\n");
    let tenants = here.file("tenants.yaml", "");
    here.ends(0, &["export", "--tenant", "acme", "--tenant", "globex", "-f", &tenants]);
    let text = fs::read_to_string(&tenants).expect("a file");
    assert!(text.starts_with("---\nkind: Tenant\nid: acme\nname: Acme, Inc.\n"), "{text}");
    assert_eq!(text.matches("\n---\n").count() + 1, 2, "{text}");
    there.ends(0, &["apply", "-f", &all, "--yes"]);
    let (here, there) = (here.ends(0, &["export"]), there.ends(0, &["export"]));
    assert_eq!(here, there);
    for secret in ["argon2", "password", "tnt_"] {
        assert!(!here.contains(secret), "{secret}: {here}");
    }
}

#[test]
fn broken_documents_change_nothing_and_are_named() {
    let place = Place::new();
    let folder = place.0.folder.path().join("documents");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("a.yaml"), "kind: Tenant\nid: fine\n").expect("a file");
    fs::write(
        folder.join("b.yaml"),
        "# nothing\n---\nkind: Tenant\nid: b\n---\nkind: Tenant\nid: c\nbindings:\n- {user: x, role: boss}\n",
    )
    .expect("a file");
    let folder = folder.to_str().expect("a plain path");
    let told = place.ends(1, &["apply", "-f", folder, "--yes"]);
    assert!(told.contains("b.yaml, document 2, bindings[0].role: there is no role"), "{told}");
    assert!(!told.contains("documents["), "{told}");
    place.ends(4, &["tenants", "get", "fine"]);
    let broken = place.file("broken.yaml", "kind: Tenant\nid: [\n");
    assert!(place.ends(1, &["apply", "-f", &broken, "--yes"]).contains("broken.yaml: "));
    assert!(place.ends(1, &["apply", "-f", "nowhere.yaml"]).contains("nowhere.yaml"));
    place.ends(2, &["apply"]);
    let nobody = place.0.stranger(&["apply", "-f", EXAMPLE, "--yes"]).end();
    assert_eq!(nobody.code, 3, "{}", nobody.err);
}

#[test]
fn passwords_are_read_where_documents_say_and_only_when_needed() {
    let place = Place::new();
    place.file("ann.password", &format!("{SECRET}\n"));
    let users = place.file(
        "users.yaml",
        "kind: User\nemail: Ann@example.com\npasswordFrom: {file: ann.password}\n---\n\
         kind: User\nemail: bob@example.com\npasswordFrom: {env: BOB_PASSWORD}\n",
    );
    let told = place.ends(2, &["apply", "-f", &users, "--yes"]);
    assert!(
        told.contains("users.yaml, document 2: the password of bob@example.com is in no variable"),
        "{told}"
    );
    let with = |words: &[&str], password: &str| {
        let Outcome { code, out, err } = place.0.tenantry(words).env("BOB_PASSWORD", password).end();
        assert!(!out.contains(SECRET) && !err.contains(SECRET), "{out}{err}");
        (code, out, err)
    };
    let (code, out, _) = with(&["apply", "-f", &users, "--dry-run"], SECRET);
    assert!(code == 0 && out.contains("      password: (new)\n"), "{out}");
    assert_eq!(with(&["apply", "-f", &users, "--yes"], SECRET).0, 0);
    let signs_in = |name: &str, password: &str| {
        let me = place.0.stranger(&["me"]).envs(&[("TENANTRY_USER", name), ("TENANTRY_PASSWORD", password)]);
        me.end().code == 0
    };
    assert!(signs_in("ann@example.com", SECRET) && signs_in("bob@example.com", SECRET));
    // Nothing is to be read for who is there.
    assert_eq!(place.ends(0, &["apply", "-f", &users]), "nothing to change\n");
    let reset = ["apply", "-f", &users, "--reset-passwords", "--yes"];
    let (code, out, _) = with(&reset, "Another-p4ssword");
    assert!(code == 0 && out.contains("~ User bob@example.com") && !out.contains("ann"), "{out}");
    assert!(signs_in("bob@example.com", "Another-p4ssword"));
    let plain = place.file("plain.yaml", "kind: User\nemail: eve@example.com\npassword: Pl4nted-in-a-file\n");
    let told = place.ends(2, &["apply", "-f", &plain, "--yes"]);
    assert!(told.contains("plain.yaml, document 1, password") && !told.contains(SECRET), "{told}");
}

#[test]
fn what_is_not_in_the_documents_goes_when_that_is_said() {
    let place = Place::new();
    place.ends(0, &["apply", "-f", EXAMPLE, "--yes"]);
    let less = place.file("less.yaml", "kind: Tenant\nid: globex\nbindings: []\n");
    assert_eq!(place.ends(0, &["apply", "-f", &less, "--yes"]), "nothing to change\n");
    let plan = place.ends(0, &["apply", "-f", &less, "--yes", "--prune"]);
    assert!(plan.contains("  - Binding user bob@example.com -> editor\n"), "{plan}");
    let plan = place.ends(0, &["apply", "-f", &less, "--yes", "--prune-tenants"]);
    assert_eq!(plan, "tenant acme\n  - Tenant acme\n\n0 to create, 0 to change, 1 to delete\n");
    place.ends(4, &["tenants", "get", "acme"]);
}

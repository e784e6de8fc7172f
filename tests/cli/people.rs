//! The commands on people, machines, their rights and what is logged of it, against a real gateway.

use std::fs;

use serde_json::Value;

use super::run::{Outcome, Run};
use super::served::{Gateway, PASSWORD, ROOT};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const SECRET: &str = "An0ther horse!";
const SERVICES: &str = "{metrics: {match: [{host: 'cortex.{tenant}.example.com'}], upstream: 'http://127.0.0.1:9', api: cortex}}";

/// A gateway with the tenant `acme`, seen by its super admin.
struct Stage(Gateway);

impl Stage {
    fn new() -> Self {
        let stage = Stage(Gateway::serving(SERVICES, &ROOT));
        stage.done("tenants create acme Acme");
        stage
    }

    /// A run; the words have no blanks in them.
    fn run(&self, line: &str) -> Outcome {
        self.of(line).end()
    }

    fn of(&self, line: &str) -> Run {
        self.0.tenantry(&line.split(' ').collect::<Vec<_>>()).env("TENANTRY_TENANT", "acme")
    }

    /// What a run prints that has to succeed.
    fn done(&self, line: &str) -> String {
        let Outcome { code, out, err } = self.run(line);
        assert_eq!(code, 0, "{line}: {err}");
        out
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{line} -o json"))).expect("JSON")
    }

    fn fails(&self, code: i32, line: &str) -> String {
        let end = self.run(line);
        assert_eq!(end.code, code, "{line}: {}{}", end.out, end.err);
        end.err
    }

    /// A run of a tenant's member.
    fn as_ann(&self, line: &str) -> Outcome {
        let words: Vec<_> = line.split(' ').collect();
        let ann = [("TENANTRY_USER", ANN), ("TENANTRY_PASSWORD", SECRET), ("TENANTRY_TENANT", "acme")];
        self.0.stranger(&words).envs(&ann).end()
    }

    fn user(&self, name: &str) {
        let made = self.of(&format!("users create {name} --new-password-file -")).input(SECRET).end();
        assert_eq!(made.code, 0, "{}", made.err);
    }
}

#[test]
fn users_live_from_create_to_delete() {
    let stage = Stage::new();
    let made = stage.json(&format!("users create {ANN} --first-name Ann --tenant acme"));
    assert_eq!((&made["username"], &made["tenants"][0]["id"]), (&ANN.into(), &"acme".into()));
    stage.fails(5, &format!("users create {ANN}"));
    let id = made["id"].as_str().expect("an id");
    assert_eq!(stage.json(&format!("users get {id}")), stage.json(&format!("users get {ANN}")));
    assert_eq!(stage.json(&format!("users update {ANN} --last-name Lee"))["displayName"], "Ann Lee");
    stage.fails(5, &format!("users update {ANN} --last-name Li --if-match \"1\""));
    assert!(stage.done("users list").contains(ANN));

    let set = stage.of(&format!("users set-password {ANN}")).input(&format!("{SECRET}\n")).end();
    assert_eq!(set.code, 0, "{}", set.err);
    assert_eq!(stage.as_ann("me").code, 0);
    assert_eq!(stage.json(&format!("users set-restricted {ANN} true"))["restricted"], true);
    stage.done(&format!("users set-restricted {ANN} false"));
    assert_eq!(stage.as_ann("users list").code, 3);
    stage.done(&format!("users set-superadmin {ANN} true"));
    assert_eq!(stage.as_ann("users list").code, 0);
    stage.done(&format!("users disable {ANN}"));
    assert_eq!(stage.as_ann("me").code, 3);
    stage.done(&format!("users enable {ANN}"));
    stage.done(&format!("users unlock {ANN}"));
    stage.done(&format!("users sign-out {ANN}"));
    assert_eq!(stage.as_ann("me").code, 0);
    stage.done(&format!("users delete {ANN} --yes"));
    assert!(stage.fails(4, &format!("users get {ANN}")).contains(ANN));
    stage.fails(5, "users set-superadmin root false");
}

#[test]
fn kestras_spellings_of_users_work() {
    let stage = Stage::new();
    stage.done(&format!("auths users create {ANN} An0ther-horse! --admin --tenant acme"));
    assert_eq!(stage.json(&format!("access get {ANN}"))["roles"][0]["id"], "admin_acme");
    stage.done(&format!("auths users create {ANN} --if-not-exists"));
    stage.user(BOB);
    for _ in 0..2 {
        stage.done(&format!("auths users create {BOB} --if-not-exists --admin --tenant acme"));
        assert_eq!(stage.json(&format!("access get {BOB}"))["roles"][0]["id"], "admin_acme");
    }
    stage.fails(5, &format!("auths users create --username={ANN}"));
    let basic = stage.of(&format!("auths users create-basic-auth {ANN}")).input(SECRET).end();
    assert_eq!(basic.code, 0, "{}", basic.err);
    stage.done(&format!("auths users set-superadmin {ANN} true"));
    assert_eq!(stage.as_ann("users list").code, 0);
    stage.done("tenants create --tenant=globex --name=Globex --admin-username=ann@example.com");
    assert_eq!(stage.json(&format!("access get {ANN} --tenant globex"))["roles"][0]["id"], "admin_globex");
}

#[test]
fn whoever_makes_machines_and_groups_cannot_pose_as_others_by_their_names() {
    let stage = Stage::new();
    stage.user("ann");
    stage.done("access grant ann");
    let ann = stage.json("users get ann")["id"].as_str().expect("an id").to_owned();
    stage.done("service-accounts create ann --tenant acme");
    let bound = stage.json("bindings create --role Admin --for-user ann");
    assert!(bound.to_string().contains(&ann), "{bound}");
    assert!(stage.fails(2, "groups create ops --member ann").contains("more than one"));

    let group = stage.json("groups create devs")["id"].as_str().expect("an id").to_owned();
    assert_eq!(stage.json(&format!("groups get {group}"))["name"], "devs");
    stage.done(&format!("groups create {group}"));
    for line in ["groups get", "bindings create --role Admin --for-group"] {
        assert!(stage.fails(2, &format!("{line} {group}")).contains("more than one"), "{line}");
    }
    stage.done("roles create admin_acme --permission metrics:read");
    assert!(stage.fails(2, "bindings create --role admin_acme --for-group devs").contains("more than one"));
}

#[test]
fn rights_are_given_by_name_and_taken() {
    let stage = Stage::new();
    stage.user(ANN);
    stage.user(BOB);
    stage.done(&format!("access grant {ANN}"));
    stage.fails(5, &format!("access grant {ANN}"));
    assert!(stage.done("access list").contains(ANN));

    let role = stage.json("roles create dashboards --permission metrics:read --permission logs:read,delete");
    assert_eq!(role["permissions"]["logs"], serde_json::json!(["read", "delete"]));
    let changed =
        stage.json("roles update Dashboards --add binding:read --remove logs:delete --default true");
    assert_eq!(changed["permissions"]["BINDING"][0], "READ");
    assert_eq!(
        (&changed["permissions"]["logs"], &changed["isDefault"]),
        (&serde_json::json!(["read"]), &true.into())
    );
    stage.fails(5, "roles update dashboards --name Boards --if-match \"1\"");
    assert!(
        stage.done("roles list").contains("dashboards")
            && stage.done("roles permissions").contains("metrics")
    );
    assert_eq!(stage.json("roles get admin_acme")["isManaged"], true);

    let group = stage.json(&format!("groups create on-call --member {ANN}"));
    let bound = stage.json("bindings create --role dashboards --for-group on-call");
    assert_eq!((&bound["type"], &bound["group"]["id"]), (&"GROUP".into(), &group["id"]));
    assert_eq!(stage.json("groups update on-call --description Nights")["description"], "Nights");
    stage.done(&format!("groups members add on-call {BOB} --as owner"));
    assert_eq!(stage.json("groups members list on-call")["total"], 2);
    stage.done(&format!("groups members set on-call {ANN}"));
    stage.done(&format!("groups members add on-call {BOB}"));
    stage.done(&format!("groups members remove on-call {BOB}"));
    assert!(!stage.done("groups members list on-call").contains(BOB));
    stage.done(&format!("groups members add on-call {ANN} --as owner"));
    assert!(stage.done("groups members list on-call").contains("OWNER"));
    let ann = stage.json(&format!("users get {ANN}"))["id"].as_str().expect("an id").to_owned();
    for line in [format!("groups members add on-call {ann}"), "groups members list On-Call".to_owned()] {
        assert_eq!(stage.as_ann(&line).code, 0, "an owner may, by the group's name: {line}");
    }
    let elsewhere = stage.as_ann("groups members list nights");
    assert!(elsewhere.code == 3 && elsewhere.err.contains("use the id"), "{}", elsewhere.err);
    let nobody = "groups members add on-call nobody@example.com";
    assert!(stage.fails(4, nobody).contains("no account \"nobody@example.com\""));
    let hidden = stage.as_ann(nobody);
    assert!(hidden.code != 0 && hidden.err.contains("use the id"), "{}", hidden.err);
    assert_eq!(stage.as_ann("bindings list").code, 0, "by the group's role");
    assert_eq!(stage.as_ann("groups list").code, 3);

    let one = stage.json(&format!("bindings create --role Viewer --for-user {BOB} --service metrics"));
    let id = one["id"].as_str().expect("an id");
    assert_eq!(stage.json(&format!("bindings get {id}"))["services"], serde_json::json!(["metrics"]));
    assert!(stage.done("bindings list").contains(BOB));
    stage.done(&format!("bindings delete {id} --yes"));
    stage.fails(4, &format!("bindings get {id}"));
    stage.fails(5, "roles delete dashboards --yes");
    stage.done("groups delete on-call --yes");
    let held = stage.fails(5, "roles delete dashboards --yes");
    assert!(held.contains('1'), "bob has it, for he came in while it was the default: {held}");
    stage.done(&format!("access revoke {BOB} --yes"));
    stage.done("roles delete dashboards --yes");
    stage.fails(4, &format!("access get {BOB}"));
    stage.fails(4, "groups get on-call");
}

#[test]
fn machines_have_tokens() {
    let stage = Stage::new();
    let made = stage.json("service-accounts create agent --tenant acme --description Alloy");
    assert_eq!(made["tenant"], "acme");
    stage.done("groups create agents");
    let changed =
        stage.json("service-accounts update agent --tenant acme --description Agent --group agents");
    assert_eq!(
        (&changed["description"], changed["groups"].as_array().map(Vec::len)),
        (&"Agent".into(), Some(1))
    );
    stage.done("bindings create --role Writer --for-service-account agent");
    let token = stage.done("api-tokens create laptop --for-service-account agent --tenant acme --max-age P1D --scope metrics:write");
    let token = token.trim();
    assert!(token.starts_with("tnt_"), "{token}");
    let me = |token: &str| stage.0.stranger(&["me"]).env("TENANTRY_TOKEN", token).end().code;
    assert_eq!(me(token), 0);
    let listed = stage.json("api-tokens list --for-service-account agent --tenant acme");
    assert_eq!(listed["results"][0]["scopes"], serde_json::json!(["metrics:write"]));
    assert!(!listed.to_string().contains(token.rsplit('_').nth(1).expect("a secret")));
    stage.done("service-accounts disable agent --tenant acme");
    assert_eq!(me(token), 3);
    stage.done("service-accounts enable agent --tenant acme");
    stage.done("api-tokens revoke laptop --yes --for-service-account agent --tenant acme");
    assert_eq!(me(token), 3);
    stage.done("service-accounts delete agent --tenant acme --yes");
    stage.fails(4, "service-accounts get agent --tenant acme");

    stage.done("service-accounts create terraform --access acme --super-admin");
    stage.done("service-accounts set-superadmin terraform false");
    stage.done("service-accounts update terraform --name tofu");
    stage.done("access revoke tofu --yes");
    stage.done("access grant tofu");
    assert!(stage.done("service-accounts list").contains("tofu"));
    let own = stage.done("api-tokens create ci --max-age 12h --extended");
    assert_eq!(me(own.trim()), 0);
    stage.user(ANN);
    stage.done(&format!("access grant {ANN}"));
    stage.done(&format!("api-tokens create ci --for-user {ANN} --only-tenant acme"));
    assert_eq!(stage.json(&format!("api-tokens list --for-user {ANN}"))["results"][0]["tenant"], "acme");
    stage.done("api-tokens revoke ci --yes");
    assert_eq!(me(own.trim()), 3);
}

#[test]
fn people_are_invited() {
    let stage = Stage::new();
    stage.done("groups create on-call");
    let made = stage.json(&format!("invitations create {BOB} --role Viewer --group on-call"));
    assert!(made["link"].as_str().is_some_and(|link| link.contains("tni_")), "{made}");
    stage.fails(5, &format!("invitations create {BOB}"));
    let shown = stage.run("invitations create dan@example.com");
    assert!(shown.out.contains("http://127.0.0.1:") && shown.out.contains("expires at"), "{}", shown.out);
    assert!(shown.err.contains("tenantry accept"), "{}", shown.err);
    let id = made["id"].as_str().expect("an id");
    assert_eq!(stage.json(&format!("invitations get {id}"))["email"], BOB);
    assert!(stage.done("invitations list").contains(BOB));
    stage.done(&format!("invitations delete {id} --yes"));
    stage.fails(4, &format!("invitations get {id}"));
    let made = stage.json(&format!("invitations create {BOB} --role Viewer --group on-call"));
    let link = made["link"].as_str().expect("a link");
    let unknown = stage.0.stranger(&["accept", link]).end();
    assert!(unknown.code == 3 && unknown.err.contains("--new-user"), "{}", unknown.err);
    let words = ["accept", link, "--new-user", "--first-name", "Bob", "--last-name", "Roe"];
    let end = stage.0.stranger(&words).input(SECRET).end();
    assert_eq!(end.code, 0, "{}", end.err);
    let again = stage.0.stranger(&words).input(SECRET).end();
    assert_ne!(again.code, 0, "a link opens once");
    assert_eq!(stage.json(&format!("users get {BOB}"))["displayName"], "Bob Roe");
    assert_eq!(stage.json("groups members list on-call")["results"][0]["username"], BOB);
    let made = stage.json(&format!("invitations create {ANN} --role Editor"));
    stage.user(ANN);
    let accepted = stage.as_ann(&format!("accept {}", made["link"].as_str().expect("a link")));
    assert_eq!(accepted.code, 0, "{}", accepted.err);
    assert_eq!(stage.json(&format!("access get {ANN}"))["roles"][0]["id"], "editor_acme");
    stage.done(&format!("access revoke {ANN} --yes"));
    let known = stage.run(&format!("invitations create {ANN} --role Viewer"));
    assert!(known.code == 0 && known.err.contains("has access now"), "{}", known.err);
    assert_eq!(stage.json(&format!("access get {ANN}"))["roles"][0]["id"], "viewer_acme");
}

#[test]
fn tenants_are_changed_in_parts() {
    let stage = Stage::new();
    let changed =
        stage.json("tenants update acme --label plan=gold --label trial=yes --default-role viewer_acme");
    assert_eq!(
        (&changed["labels"]["plan"], &changed["default_role"]),
        (&"gold".into(), &"viewer_acme".into())
    );
    let changed = stage.json("tenants update acme --unlabel trial --default-role writer_acme");
    assert_eq!(changed["labels"], serde_json::json!({"plan": "gold"}));
    assert_eq!(stage.json("tenants suspend acme")["state"], "SUSPENDED");
    assert_eq!(stage.json("tenants resume acme")["state"], "ACTIVE");
    stage.done("tenants create globex");
    assert_eq!(stage.done("tenants list --filter name=acme -q"), "acme\n");
}

#[test]
fn a_tenants_own_keys_and_issuers_are_its_own() {
    let stage = Stage::new();
    let file = stage.0.folder.path().join("acme.pem");
    let file = file.to_str().expect("a plain path");
    stage.done(&format!("keypair create {file} --type p256"));
    let key = stage.json(&format!("keys add {file} --tenant acme --role viewer --scopes-claim scope"));
    let id = key["id"].as_str().expect("an id").to_owned();
    assert_eq!((&key["role"], &key["scopes_claim"]), (&"viewer_acme".into(), &"scope".into()));
    let changed = stage.json(&format!("keys update {id} --tenant acme --role writer --leeway 5s"));
    assert_eq!(
        (&changed["role"], &changed["leeway"], &changed["scopes_claim"]),
        (&"writer_acme".into(), &5.into(), &"scope".into())
    );
    assert!(stage.done("keys list --tenant acme").contains(&id) && !stage.done("keys list").contains(&id));
    stage.done(&format!("keys remove {id} --tenant acme --yes"));
    stage.fails(4, &format!("keys get {id} --tenant acme"));

    for owner in ["", " --tenant acme"] {
        let made = stage.json(&format!("issuers create idp --issuer https://idp.example.com --jwks-url https://idp.example.com/keys{owner}"));
        assert_eq!(made["id"], "idp");
        let changed =
            stage.json(&format!("issuers update idp --interval 10m --audience gw --role viewer{owner}"));
        assert_eq!((&changed["refresh"]["interval"], &changed["audience"]), (&600.into(), &"gw".into()));
        assert!(stage.done(&format!("issuers list{owner}")).contains("idp.example.com"));
        stage.done(&format!("issuers delete idp --yes{owner}"));
        stage.fails(4, &format!("issuers get idp{owner}"));
    }
}

#[test]
fn a_login_serves_until_logout() {
    let stage = Stage::new();
    stage.user(ANN);
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path().to_str().expect("a plain path");
    let run = |words: &[&str]| stage.0.stranger(words).env("XDG_CONFIG_HOME", home);
    let login = run(&["login", "--user", ANN]).env("TENANTRY_PASSWORD", SECRET).end();
    assert_eq!(login.code, 0, "{}", login.err);
    let me = run(&["me", "-o", "json"]).end();
    let me: Value = serde_json::from_str(&me.out).expect("JSON");
    assert_eq!((&me["profile"]["username"], me.get("csrfToken")), (&ANN.into(), None));
    let token = run(&["api-tokens", "create", "laptop"]).end();
    assert_eq!(token.code, 0, "a write by session: {}", token.err);
    assert_eq!(run(&["logout"]).end().code, 0);
    assert_eq!(run(&["me"]).end().code, 3);
    let login = run(&["login", "--token"]).input(&token.out).end();
    assert_eq!(login.code, 0, "{}", login.err);
    assert_eq!(run(&["me"]).end().code, 0);
    assert_eq!(run(&["login", "--user", ANN]).env("TENANTRY_PASSWORD", "wrong").end().code, 3);
}

#[test]
fn the_log_is_read_exported_and_checked() {
    let stage = Stage::new();
    stage.done("groups create on-call");
    let list = stage.json("audit list --resource groups --deed create --actor root");
    assert_eq!((&list["total"], &list["results"][0]["tenant"]), (&1.into(), &"acme".into()));
    assert!(stage.done("audit list --tenant acme").contains("CREATE"));
    let intact = stage.done("audit verify");
    assert!(
        intact.starts_with("intact: ") && stage.done("audit verify --tenant acme").starts_with("intact: ")
    );

    let file = stage.0.folder.path().join("audit.jsonl");
    let name = file.to_str().expect("a plain path");
    stage.done(&format!("audit export --file {name}"));
    stage.fails(1, &format!("audit export --file {name}"));
    let log = fs::read_to_string(&file).expect("the file");
    assert_eq!(stage.done("audit export"), log);
    assert_eq!(stage.done(&format!("audit verify {name}")), intact);
    assert!(stage.fails(2, "audit list --resource binding").contains("bindings"));
    fs::write(&file, stage.done("audit export --tenant acme")).expect("the file");
    assert!(stage.fails(1, &format!("audit verify {name}")).contains("--tenant acme"));
    assert!(stage.done(&format!("audit verify --tenant acme {name}")).starts_with("intact: "));
    fs::write(&file, log.replace("on-call", "on-hold")).expect("the file");
    assert!(stage.fails(1, &format!("audit verify {name}")).contains("from entry"));
    let first = log.lines().next().expect("a line");
    fs::write(&file, log.replacen(&format!("{first}\n"), "", 1)).expect("the file");
    stage.fails(1, &format!("audit verify {name}"));
    assert!(!log.contains(PASSWORD) && !log.contains("$argon2"));
}

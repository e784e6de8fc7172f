//! What is another's does not exist: the answer to a foreign id is that to an id that nobody has.

use reqwest::Method;

use crate::control::{Answer, USER};
use crate::scene::{Aim, MISSING, Scene};
use crate::table::{ROWS, Row, Rule};
use crate::troupe::{token, troupe};

#[tokio::test(flavor = "multi_thread")]
async fn foreign_ids_answer_as_ids_that_nobody_has() {
    let mut scene = Scene::set().await;
    troupe(&mut scene).await;
    let admin = token(&scene, "admin@example.com", "foreign").await.1;
    let boss = token(&scene, USER, "foreign").await.1;
    scene.keep();
    let (mut pairs, mut wrong) = (0, Vec::new());
    for row in ROWS.iter().filter(|row| row.rule != Rule::Open) {
        // Where only super admins come in, others' ids are those of tenants.
        let caller = if row.rule == Rule::Super { &boss } else { &admin };
        for place in 0..places(row) {
            let [foreign, missing] = [
                ask(&scene, row, caller, (place, Aim::Foreign), Aim::Own).await,
                ask(&scene, row, caller, (place, Aim::Missing), Aim::Own).await,
            ];
            pairs += 1;
            // Where records are sought, there is nothing to be found.
            let seeks = row.operation.contains("/history/") || row.operation.contains("/email/");
            let nothing = place == 1 && seeks && foreign.0 == 200;
            if foreign != missing || !(nothing || foreign.0 == 404) {
                wrong.push(format!("{} at {place}: {foreign:?}, {missing:?}", row.operation));
            }
        }
        if scene.body(row.body, Aim::Own) != scene.body(row.body, Aim::Missing) {
            let [foreign, missing] = [
                ask(&scene, row, caller, (usize::MAX, Aim::Own), Aim::Foreign).await,
                ask(&scene, row, caller, (usize::MAX, Aim::Own), Aim::Missing).await,
            ];
            pairs += 1;
            // Where ids pick out records, those that name nothing are passed over.
            let picks = foreign.0 == 200 && foreign.1.starts_with('[') && !row.operation.ends_with("bulk");
            if foreign != missing || !(picks || matches!(foreign.0, 404 | 422)) {
                wrong.push(format!("{} in the body: {foreign:?}, {missing:?}", row.operation));
            }
        }
        let changed = scene.changed();
        if !changed.is_empty() {
            wrong.push(format!("{} changed {changed:?}", row.operation));
            scene.restore().await;
        }
    }
    println!("{pairs} pairs of a foreign id and one that nobody has, answered alike");
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(pairs > 80, "{pairs}");
}

/// Who may not see whether a record is there is not told by what they may not do either.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_depend_on_whether_the_record_is_there() {
    let mut scene = Scene::set().await;
    troupe(&mut scene).await;
    let viewer = token(&scene, "viewer@example.com", "curious").await.1;
    let mut pairs = 0;
    for row in ROWS.iter().filter(|row| matches!(row.rule, Rule::Super | Rule::Power)) {
        let places = row.template().0.matches('{').count();
        for place in usize::from(row.template().0.contains("{tenant}") || row.rule == Rule::Power)..places {
            let [there, missing] = [
                ask(&scene, row, &viewer, (usize::MAX, Aim::Own), Aim::Own).await,
                ask(&scene, row, &viewer, (place, Aim::Missing), Aim::Own).await,
            ];
            pairs += 1;
            assert_eq!((there.0, &there), (403, &missing), "{} at {place}", row.operation);
        }
    }
    println!("{pairs} pairs of an id that is there and one that is not, refused alike");
    assert!(pairs > 40, "{pairs}");
}

/// How many placeholders of a row name what can be another's: a super admin reaches every tenant.
fn places(row: &Row) -> usize {
    match row.operation {
        "DELETE /api/v1/tenants/{id}" => 0,
        other if other.starts_with("GET /api/v1/auditlogs/") => 0,
        _ => row.template().0.matches('{').count(),
    }
}

/// The status and the text of an answer, with all ids that were aimed at made the same.
async fn ask(scene: &Scene, row: &Row, token: &str, path: (usize, Aim), body: Aim) -> (u16, String) {
    let (template, query) = row.template();
    let target = scene.path(row.method(), template, path.0, path.1) + query;
    let method = row.method().parse::<Method>().expect("a method");
    let request = scene.port.anonymous(method, &target).bearer_auth(token);
    let body = scene.body(row.body, body);
    let request = match body.is_empty() {
        true => request,
        false => request.header("content-type", "application/json").body(body),
    };
    let Answer { status, text, .. } = scene.port.send(request).await;
    let estates = [&scene.acme, &scene.beta, &scene.instance];
    let ids = estates.iter().flat_map(|estate| estate.ids()).chain([
        "acme",
        "beta",
        "nosuch",
        "nobody@example.com",
        MISSING,
    ]);
    // The longest first: names of tenants are parts of other names.
    let mut ids: Vec<&str> = ids.filter(|id| id.len() > 3 && !id.contains('\n')).collect();
    ids.sort_by_key(|id| std::cmp::Reverse(id.len()));
    let text = ids.into_iter().fold(text, |text, id| text.replace(id, "ID"));
    // Numbers of entries, with and without leading noughts.
    let audit = template.contains("/auditlogs/");
    (status.as_u16(), if audit { text.replace(|c: char| c.is_ascii_digit(), "") } else { text })
}

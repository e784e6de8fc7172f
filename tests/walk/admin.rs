//! Every operation of the document, for every caller: who is refused changes nothing and learns nothing.

use std::collections::BTreeSet;

use reqwest::Method;

use crate::control::{Answer, Port};
use crate::scene::{Aim, Scene};
use crate::table::{ROWS, Row, Rule};
use crate::troupe::{Actor, Who, troupe};

#[derive(Default)]
struct Counts {
    requests: usize,
    served: usize,
    /// Served writes after which the store was another: what would show when a refused one wrote.
    written: usize,
    refused: usize,
    reread: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_gives_every_caller_what_the_table_says() {
    let mut scene = Scene::set().await;
    assert_eq!(documented(&scene.port), listed(), "the document, and the table");
    let troupe = troupe(&mut scene).await;
    scene.keep();
    let (mut counts, mut wrong) = (Counts::default(), Vec::new());
    for row in ROWS {
        for actor in &troupe {
            let Some(expected) = expected(row, actor.who) else { continue };
            wrong.extend(one(&mut scene, row, actor, expected, &mut counts).await);
        }
    }
    let Counts { requests, served, written, refused, reread } = counts;
    println!(
        "{} operations, {} callers with credentials of their own: {requests} requests, {served} served ({written} wrote), \
         {refused} refused, of which {reread} writes after each of which the store was read again, unchanged",
        ROWS.len(),
        troupe.len(),
    );
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(written > ROWS.len() && reread > ROWS.len(), "{written} {reread}");
}

/// All operations of the document, as the table writes them.
fn documented(port: &Port) -> BTreeSet<String> {
    let paths = port.document()["paths"].as_object().expect("paths");
    let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    let of = |(path, item): (&String, &serde_json::Value)| {
        let methods = methods.into_iter().filter(|method| item.get(method).is_some());
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

fn listed() -> BTreeSet<String> {
    let rows: BTreeSet<_> = ROWS.iter().map(|row| format!("{} {}", row.method(), row.template().0)).collect();
    assert_eq!(rows.len(), ROWS.len(), "no operation stands there twice");
    rows
}

/// With which status an operation answers a caller; none when it is not asked.
fn expected(row: &Row, who: Who) -> Option<u16> {
    let known = !matches!(who, Who::Nobody | Who::Malformed | Who::Unknown);
    match (row.rule, who) {
        (_, Who::Lured) if !row.writes() => None,
        (Rule::Open, _) => Some(row.status),
        (_, _) if !known => Some(401),
        (_, Who::Lured) | (Rule::Power, Who::Viewer) => Some(403),
        (Rule::Invited, Who::Stranger) => Some(row.status),
        (Rule::Invited, _) | (Rule::Member | Rule::Power, Who::Stranger) => Some(404),
        (Rule::Super, who) if who != Who::Boss => Some(403),
        (Rule::Known | Rule::Super | Rule::Member | Rule::Power, _) => Some(row.status),
    }
}

/// One request; what is wrong about its answer and about what it left behind.
async fn one(
    scene: &mut Scene,
    row: &Row,
    actor: &Actor,
    expected: u16,
    counts: &mut Counts,
) -> Option<String> {
    let path = path(scene, row, actor);
    let answer = send(scene, row, actor, &path, counts.requests).await;
    counts.requests += 1;
    let served = answer.status.is_success();
    let changed = if row.writes() { scene.changed() } else { Vec::new() };
    match served {
        true => counts.served += 1,
        false => counts.refused += 1,
    }
    counts.written += usize::from(served && !changed.is_empty());
    counts.reread += usize::from(!served && row.writes());
    if !changed.is_empty() {
        scene.restore().await;
        assert_eq!(scene.changed(), Vec::<String>::new(), "set back");
    }
    let told = told(scene, actor, &answer, &format!("{path} {}", scene.body(row.body, Aim::Own)));
    let fault = if answer.status != expected {
        format!("{} instead of {expected}: {}", answer.status, answer.text)
    } else if !served && !changed.is_empty() {
        format!("refused, yet changed {changed:?}")
    } else if !told.is_empty() {
        format!("tells of {told:?}")
    } else {
        return None;
    };
    Some(format!("{} for {:?} by {}: {fault}", row.operation, actor.who, actor.by))
}

fn path(scene: &Scene, row: &Row, actor: &Actor) -> String {
    let (template, query) = row.template();
    let path = scene.path(row.method(), template, usize::MAX, Aim::Own) + query;
    match &actor.spare {
        Some(spare) => path.replace(scene.instance.id("OWN_TOKEN"), spare),
        None => path,
    }
}

async fn send(scene: &mut Scene, row: &Row, actor: &Actor, path: &str, nth: usize) -> Answer {
    let usual = scene.port.client.clone();
    if let Some(address) = actor.address(nth) {
        scene.port.client = reqwest::Client::builder().local_address(address).build().expect("a client");
    }
    let method = row.method().parse::<Method>().expect("a method");
    let request = actor.request(&scene.port, &method, path, nth);
    let body = scene.body(row.body, Aim::Own);
    let request = match body.as_bytes().first() {
        None => request,
        Some(b'{' | b'[') => request.header("content-type", "application/json").body(body),
        Some(_) => request.header("content-type", "text/plain").body(body),
    };
    let answer = scene.port.send(request).await;
    scene.port.client = usual;
    answer
}

/// Which ids of the tenant an answer tells to somebody without access who has not named them.
fn told(scene: &Scene, actor: &Actor, answer: &Answer, asked: &str) -> Vec<String> {
    if matches!(actor.who, Who::Viewer | Who::Admin | Who::Boss) {
        return Vec::new();
    }
    // Whoever is invited sees their own invitation; a ticket stands for its address.
    let (own, named) = (scene.acme.id("STRANGERS"), scene.acme.id("INVITED"));
    let theirs = |id: &str| {
        (id == own && actor.who == Who::Stranger) || (id == named && asked.contains(scene.acme.id("TICKET")))
    };
    let told = |id: &&str| answer.text.contains(*id) && !asked.contains(*id) && !theirs(id);
    scene.acme.ids().filter(told).map(str::to_owned).collect()
}

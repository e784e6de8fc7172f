//! Keeps the house: who may import whom, headers, sizes, and what may not stand in `src/`; for
//! dependencies their reasons and their least versions. Reads the tree as text and needs only std.

#[path = "tidy/lock.rs"]
mod lock;
#[path = "tidy/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use source::{Token, from_root, functions, reads, test_modules, tokens};

/// The rooms and their lines; a room imports from strictly lower lines, and from itself. `main` stands
/// on the library's top line but is a crate of its own, hence 9.
const ROOMS: [(&str, u8); 16] = [
    ("main", 9),
    ("cli", 8),
    ("server", 7),
    ("console", 6),
    ("compat", 6),
    ("admin", 5),
    ("proxy", 4),
    ("control", 4),
    ("auth", 3),
    ("snapshot", 2),
    ("catalog", 1),
    ("net", 1),
    ("store", 1),
    ("config", 1),
    ("telemetry", 0),
    ("model", 0),
];

/// What a room never names, whatever the lines say, and why.
const NEVER: [(&str, &str, &str); 11] = [
    ("proxy", "store", "the data plane never waits for the store"),
    ("auth", "store", "the data plane never waits for the store"),
    ("control", "http", "control knows no HTTP"),
    ("control", "hyper", "control knows no HTTP"),
    ("control", "axum", "control knows no HTTP"),
    ("model", "http", "the model is plain data"),
    ("model", "tokio", "the model is plain data"),
    ("model", "fs", "the model does no I/O"),
    ("auth", "tokio", "authentication is a function of snapshot and time"),
    ("auth", "SystemTime", "time is an argument"),
    ("net", "TenantId", "net knows no tenant"),
];

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

/// One file's own violations.
fn of_file(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(format!("{path}: begins without `//!`: say what it owns and what it must not know"));
    }
    let tokens = tokens(text);
    for at in (0..tokens.len()).filter(|at| reads(&tokens, *at, &["#", "[", "ignore"])) {
        found
            .push(format!("{path}:{}: `#[ignore]`: a test that does not run holds nothing", tokens[at].line));
    }
    if path.starts_with("src/") {
        sizes(path, text, &tokens, &mut found);
        words(path, &tokens, &mut found);
    }
    found
}

fn sizes(path: &str, text: &str, tokens: &[Token], found: &mut Vec<String>) {
    let of_tests =
        |module: &std::ops::Range<usize>| tokens[module.end - 1].line - tokens[module.start].line + 1;
    let lines = text.lines().count() - test_modules(tokens).iter().map(of_tests).sum::<usize>();
    if lines > FILE_LINES {
        found.push(format!("{path}: {lines} lines without tests, over {FILE_LINES}: split it by noun"));
    }
    for function in functions(tokens).iter().filter(|function| function.lines > FUNCTION_LINES) {
        let (name, line, lines) = (&function.name, function.line, function.lines);
        found.push(format!(
            "{path}:{line}: `{name}` takes {lines} lines, over {FUNCTION_LINES}: name its parts"
        ));
    }
}

fn words(path: &str, tokens: &[Token], found: &mut Vec<String>) {
    let room = room(path);
    // An oracle may know what its subject must not.
    let oracle = path.ends_with("/tests.rs");
    let mut code = tokens.to_vec();
    test_modules(tokens).into_iter().rev().for_each(|module| drop(code.drain(module)));
    for at in (0..code.len()).filter(|_| !oracle) {
        if reads(&code, at, &["panic", "!"]) || reads(&code, at, &["unreachable", "!"]) {
            found.push(format!("{path}:{}: `{}!`: no input may reach a panic", code[at].line, code[at].text));
        }
    }
    for (at, token) in tokens.iter().enumerate() {
        let line = token.line;
        if reads(tokens, at, &[".", "unwrap", "("]) {
            found.push(format!("{path}:{line}: `unwrap()`: handle it, or `expect` why it holds"));
        }
        for unfinished in ["todo", "unimplemented", "dbg"] {
            if reads(tokens, at, &[unfinished, "!"]) {
                found.push(format!("{path}:{line}: `{unfinished}!` is work left undone"));
            }
        }
        if reads(tokens, at, &["anyhow", ":", ":"]) && !["cli", "server"].contains(&room) {
            found.push(format!(
                "{path}:{line}: `anyhow` outside cli and server: {room} has an error type of its own"
            ));
        }
        let named_here = |of: &str, name: &str| !oracle && of == room && token.text == name;
        for (_, name, why) in NEVER.iter().filter(|(of, name, _)| named_here(of, name)) {
            let named = *name == "TenantId" || reads(tokens, at + 1, &[":", ":"]);
            if named {
                found.push(format!("{path}:{line}: {room} names `{name}`: {why}"));
            }
        }
    }
}

/// `net` of `src/net/tls.rs`, `main` of `src/main.rs`.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().and_then(|part| part.split('.').next()).unwrap_or(inside)
}

fn level(room: &str) -> Option<u8> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, level)| *level)
}

/// Every arrow that does not run downward, with its file; then a cycle of rooms, if there is one.
fn of_arrows<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let (mut found, mut graph) = (Vec::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for (path, text) in files.into_iter().filter(|(path, _)| *path != "src/lib.rs") {
        let from = room(path);
        let Some(line) = level(from) else {
            found.push(format!("{path}: no room is called `{from}`: give it a line in the house"));
            continue;
        };
        for (to, at) in arrows(path, text) {
            if to == from {
                continue;
            }
            match level(&to) {
                None => found.push(format!("{path}:{at}: `crate::{to}` is no room")),
                Some(other) if other >= line => {
                    found.push(format!(
                        "{path}:{at}: {from} ({line}) imports {to} ({other}): arrows run downward only"
                    ));
                }
                Some(_) => {}
            }
            graph.entry(from.to_owned()).or_default().insert(to);
        }
    }
    let cycle = graph.keys().find_map(|room| cycle(&graph, &mut vec![room.clone()]));
    found.extend(cycle.map(|rooms| format!("a cycle: {}", rooms.join(" -> "))));
    found
}

/// The rooms that a file names, with their lines. Tests inside it stand one module deeper.
fn arrows(path: &str, text: &str) -> Vec<(String, usize)> {
    let named = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let depth = named.split('/').count() - 1;
    let mut code = tokens(text);
    let tests = test_modules(&code).into_iter().rev().map(|module| code.drain(module).collect::<Vec<_>>());
    let tests: Vec<Token> = tests.flatten().collect();
    from_root(&code, depth).into_iter().chain(from_root(&tests, depth + 1)).collect()
}

fn cycle(graph: &BTreeMap<String, BTreeSet<String>>, way: &mut Vec<String>) -> Option<Vec<String>> {
    for next in graph.get(way.last()?)? {
        let first = way.iter().position(|room| room == next);
        way.push(next.clone());
        let found = match first {
            Some(first) => Some(way[first..].to_vec()),
            None => cycle(graph, way),
        };
        if found.is_some() {
            return found;
        }
        way.pop();
    }
    None
}

/// Each dependency in a manifest that has no reason on the line above it, where `# ---` is a heading,
/// or that no file names.
fn of_manifest(manifest: &str, files: &BTreeMap<String, String>) -> Vec<String> {
    let mut words: Vec<(&str, Vec<Token>)> = Vec::new();
    words.extend(files.iter().map(|(path, text)| (path.as_str(), tokens(text))));
    let named = |name: &str, folder: &str| {
        let name = name.replace('-', "_");
        let mut within = words.iter().filter(|(path, _)| path.starts_with(folder));
        within.any(|(_, tokens)| tokens.iter().any(|token| token.text == name))
    };
    let (mut inside, mut folder, mut reason, mut found) = (false, "", false, Vec::new());
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
            folder = if line == "[dependencies]" { "src/" } else { "" };
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| inside && !line.starts_with('#')) {
            if !reason {
                found.push(format!("Cargo.toml: `{name}` has no reason on the line above it"));
            }
            if !named(name, folder) {
                found.push(format!("Cargo.toml: `{name}` is named nowhere in ./{folder}: take it out"));
            }
        }
        reason = line.starts_with('#') && !line.starts_with("# ---");
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below these folders, by its path from the root, with its text.
fn tree(folders: &[&str]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn arrows_run_downward() {
    let files = tree(&["src"]);
    assert!(files.len() > 50, "only {} files were found", files.len());
    assert_none(&of_arrows(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))));
}

#[test]
fn files_are_in_order() {
    let files = tree(&["src", "tests", "benches"]);
    assert_none(&files.iter().flat_map(|(path, text)| of_file(path, text)).collect::<Vec<_>>());
}

#[test]
fn dependencies_have_reasons_and_uses() {
    let files = tree(&["src", "tests", "benches"]);
    assert_none(&of_manifest(&fs::read_to_string(root().join("Cargo.toml")).unwrap(), &files));
}

#[test]
fn an_arrow_upward_is_found_however_it_is_written() {
    for text in [
        "use crate::auth::Permit;",
        "pub use crate::auth::Permit;",
        "use crate::{model::{Secret, Key}, auth::{self, Permit}};",
        "fn f() -> crate::auth::Permit { g() }",
        "use super::super::auth;",
        "#[cfg(test)]\nmod tests {\n use super::super::super::auth;\n}",
        "/* a /* nested */ comment */ const C: char = '\"'; use crate::auth; const D: &str = r#\"\"\"#;",
    ] {
        let found = of_arrows([("src/net/tls.rs", text)]);
        assert!(found.iter().any(|one| one.contains("net (1) imports auth (3)")), "{text}: {found:?}");
    }
    let sideways = of_arrows([("src/net/tls.rs", "//! x\n\nuse crate::store::Store;")]);
    assert_eq!(sideways, ["src/net/tls.rs:3: net (1) imports store (1): arrows run downward only"]);
}

#[test]
fn arrows_downward_and_mere_words_pass() {
    for text in [
        "use crate::model::Secret; use crate::net::Conn; use super::auth;",
        "// use crate::auth;\n/* crate::auth */ const TEXT: &str = \"crate::auth\"; const R: &str = r#\"crate::auth\"#;",
        "pub(crate) fn f<'a>(x: &'a str) -> &'a str { x }",
        "#[cfg(test)]\nmod tests { use super::super::auth; }",
    ] {
        assert_eq!(of_arrows([("src/net/tls.rs", text)]), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn cycles_and_strangers_are_found() {
    let found =
        of_arrows([("src/auth/mod.rs", "use crate::proxy;"), ("src/proxy/mod.rs", "use crate::auth;")]);
    assert!(found.contains(&"a cycle: auth -> proxy -> auth".to_owned()), "{found:?}");
    assert!(of_arrows([("src/helpers/mod.rs", "")])[0].contains("no room is called `helpers`"));
    assert!(of_arrows([("src/net/mod.rs", "use crate::*;")])[0].contains("`crate::*` is no room"));
}

#[test]
fn what_may_not_stand_in_a_file_is_found() {
    let long = format!("//! x\nfn long() {{\n{}}}\n", "    one();\n".repeat(59));
    for (path, text, expected) in [
        ("src/net/tls.rs", "use x;", "begins without `//!`"),
        ("tests/a.rs", "//! x\n#[ignore]\nfn f() {}", ":2: `#[ignore]`"),
        ("src/net/tls.rs", "//! x\nfn f() { g().unwrap(); }", ":2: `unwrap()`"),
        ("src/net/tls.rs", "//! x\nfn f() { todo!() }", "`todo!`"),
        (
            "src/net/tls.rs",
            "//! x\nfn f() { panic!() }\n#[cfg(test)]\nmod tests { fn f() { panic!() } }",
            ":2: `panic!`",
        ),
        ("src/net/tls.rs", &format!("//! x{}", "\n// x".repeat(400)), "401 lines without tests"),
        ("src/net/tls.rs", &long, ":2: `long` takes 61 lines"),
        ("src/proxy/a.rs", "//! x\nuse crate::store::Store;", ":2: proxy names `store`"),
        ("src/control/a.rs", "//! x\nuse http::Method;", ":2: control names `http`"),
        ("src/auth/a.rs", "//! x\nuse anyhow::Result;", "`anyhow` outside cli and server"),
    ] {
        let found = of_file(path, text);
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
    }
    let tests = format!("//! x\n#[cfg(test)]\nmod tests {{\n{}}}\n", "// x\n".repeat(500));
    assert_eq!(of_file("src/net/tls.rs", &tests), Vec::<String>::new(), "tests are not counted");
}

#[test]
fn a_dependency_without_a_reason_or_a_use_is_found() {
    let manifest =
        "[dependencies]\n# --- runtime\na = \"1\"\n# it does b\nb-b = \"1\"\nc = \"1\"\n# once\nd = \"1\"\n";
    let files = BTreeMap::from([("src/x.rs".to_owned(), "use {a, b_b, c}; // d".to_owned())]);
    let found = of_manifest(manifest, &files);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("`a` has no reason") && found[1].contains("`c` has no reason"), "{found:?}");
    assert!(found[2].contains("`d` is named nowhere in ./src/"), "{found:?}");
}

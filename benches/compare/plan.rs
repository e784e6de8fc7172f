//! What is compared, and what is aimed at. The only file with figures to argue about.

use std::time::Duration;

use anyhow::Result;

use crate::load::Use;
use crate::material::Signer;
use crate::proxies::Kind;
use crate::request::Request;

/// A part of the comparison that can be asked for by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    Get,
    Post,
    Tls,
    H2,
    Connect,
    Tokens,
    Syscalls,
    Memory,
    Tenants,
}

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    Get,
    Post,
    Tls,
    H2,
    Connect,
    /// The same GET with one token, and with very many in rotation.
    Tokens,
}

impl Scenario {
    pub const ALL: [Scenario; 6] =
        [Scenario::Get, Scenario::Post, Scenario::Tls, Scenario::H2, Scenario::Connect, Scenario::Tokens];

    pub fn part(self) -> Part {
        match self {
            Scenario::Get => Part::Get,
            Scenario::Post => Part::Post,
            Scenario::Tls => Part::Tls,
            Scenario::H2 => Part::H2,
            Scenario::Connect => Part::Connect,
            Scenario::Tokens => Part::Tokens,
        }
    }

    /// As shown to people.
    pub fn title(self) -> &'static str {
        match self {
            Scenario::Get => "GET 1 KiB, plain, keep-alive, 32 connections",
            Scenario::Post => "POST 64 KiB, plain, keep-alive, 32 connections",
            Scenario::Tls => "GET 1 KiB, TLS 1.3, keep-alive, 32 connections",
            Scenario::H2 => "GET 1 KiB, HTTP/2 over TLS 1.3, 4 connections of 10 streams",
            Scenario::Connect => "GET 1 KiB, a new TLS 1.3 connection each, 16 at once",
            Scenario::Tokens => "GET 1 KiB, plain, keep-alive, 32 connections, tokens in rotation",
        }
    }

    /// How connections are used, and how many of them.
    pub fn shape(self) -> (Use, usize) {
        match self {
            Scenario::Get | Scenario::Post | Scenario::Tls | Scenario::Tokens => (Use::KeepAlive, 32),
            Scenario::H2 => (Use::Streams(10), 4),
            Scenario::Connect => (Use::Once, 16),
        }
    }

    /// The protocol to agree upon, where there is TLS.
    pub fn alpn(self) -> Option<&'static str> {
        match self {
            Scenario::Get | Scenario::Post | Scenario::Tokens => None,
            Scenario::Tls | Scenario::Connect => Some("http/1.1"),
            Scenario::H2 => Some("h2"),
        }
    }

    /// Who is measured: proxies, each with a number of distinct tokens.
    pub fn subjects(self, proxies: &[Kind], tokens: usize) -> Vec<Subject> {
        match self {
            Scenario::Tokens if !proxies.contains(&Kind::Tenantry) => Vec::new(),
            Scenario::Tokens => [1, tokens].map(|tokens| Subject { kind: Kind::Tenantry, tokens }).into(),
            _ => proxies.iter().map(|kind| Subject { kind: *kind, tokens: 1 }).collect(),
        }
    }

    /// The requests to send in rotation: every proxy gets the same.
    pub fn requests(self, tokens: &[String]) -> Result<Vec<Request>> {
        let make = |token: &String| match self {
            Scenario::Post => Request::post("acme", token),
            Scenario::Connect => Request::last("acme", token),
            _ => Request::get("acme", Some(token), "/bench"),
        };
        tokens.iter().map(make).collect()
    }
}

/// Who is measured in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Subject {
    pub kind: Kind,
    /// Distinct tokens in rotation.
    pub tokens: usize,
}

/// How long, and how often.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Effort {
    pub rounds: usize,
    pub warm_up: Duration,
    pub measured: Duration,
    /// Distinct tokens in rotation.
    pub tokens: usize,
    /// Idle connections.
    pub connections: usize,
    /// Tenants in the large store.
    pub tenants: usize,
}

impl Effort {
    pub const FULL: Effort = Effort {
        rounds: 7,
        warm_up: Duration::from_millis(400),
        measured: Duration::from_millis(1500),
        tokens: 10_000,
        connections: 1000,
        tenants: 100_000,
    };
    pub const QUICK: Effort = Effort {
        rounds: 5,
        warm_up: Duration::from_millis(150),
        measured: Duration::from_millis(350),
        ..Effort::FULL
    };
}

/// Distinct tokens of the tenant that calls.
pub fn tokens(signer: &Signer, count: usize) -> Result<Vec<String>> {
    (0..count).map(|serial| signer.token("acme", serial)).collect()
}

/// Tenantry's CPU per request as a ratio of another's, at most so much.
pub const RATIOS: [(Scenario, Kind, f64); 6] = [
    (Scenario::Get, Kind::Nginx, 1.15),
    (Scenario::Post, Kind::Nginx, 1.10),
    (Scenario::Tls, Kind::Nginx, 0.95),
    (Scenario::H2, Kind::Nginx, 1.05),
    (Scenario::Connect, Kind::Nginx, 0.65),
    (Scenario::Get, Kind::Haproxy, 0.40),
];
/// Many tokens in rotation as a ratio of one.
pub const TOKENS: f64 = 1.25;
/// MiB resident without a connection.
pub const IDLE: f64 = 25.0;
/// KiB for each idle connection.
pub const CONNECTION: f64 = 24.0;
/// MiB resident with the large store.
pub const TENANTS: f64 = 150.0;
/// Milliseconds until a change is live with the large store.
pub const CHANGE: f64 = 10.0;

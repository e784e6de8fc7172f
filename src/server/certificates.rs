//! Certificate files: read at the start, and again when they change. A pair that cannot be used
//! leaves the one before in place and shows in the metrics.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rustls::ServerConfig;

use crate::config::{Settings, TlsFiles};
use crate::model::Timestamp;
use crate::net::{Certificates, server_config};
use crate::telemetry::Metrics;

/// How often files are looked at. Reading them beats watching them: it sees renames, mounts and
/// symlink swaps alike.
const LOOK: Duration = Duration::from_secs(2);
/// A chain and a key are far smaller.
const MAX_FILE: u64 = 1 << 20;

/// One listener's certificate and where it comes from.
pub struct Watched {
    pub listener: String,
    files: TlsFiles,
    certificates: Arc<Certificates>,
    /// What was last read, usable or not; none when nothing could be.
    seen: Mutex<Option<Pair>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Pair {
    chain: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

impl Watched {
    /// Reads the certificates of all listeners and of the admin port.
    pub fn open_all(settings: &Settings) -> anyhow::Result<Vec<Watched>> {
        let listeners = settings.listeners.iter().map(|listener| (listener.name.as_str(), &listener.tls));
        let admin = [(super::ADMIN, &settings.admin.tls)];
        let with_tls = listeners.chain(admin).filter_map(|(name, tls)| Some((name, tls.as_ref()?)));
        with_tls.map(|(name, files)| Watched::open(name, files)).collect()
    }

    fn open(listener: &str, files: &TlsFiles) -> anyhow::Result<Watched> {
        let pair = Pair::read(files)?;
        let certificates = Certificates::new(&pair.chain, &pair.key, now())
            .with_context(|| format!("{} and {}", files.cert.display(), files.key.display()))?;
        Ok(Watched {
            listener: listener.to_owned(),
            files: files.clone(),
            certificates,
            seen: Mutex::new(Some(pair)),
        })
    }

    /// For the admin port, which speaks HTTP/1.1.
    pub fn admin_config(&self) -> anyhow::Result<Arc<ServerConfig>> {
        Ok(server_config(self.certificates.clone(), &[b"http/1.1"])?)
    }

    /// For HTTP/2 and HTTP/1.1.
    pub fn server_config(&self) -> anyhow::Result<Arc<ServerConfig>> {
        Ok(server_config(self.certificates.clone(), &[b"h2", b"http/1.1"])?)
    }

    /// Takes over the files if they have changed and can be used.
    pub fn read_again(&self, metrics: &Metrics) {
        let listener = self.listener.as_str();
        let result = self.refresh();
        match &result {
            Ok(false) => return,
            Ok(true) => tracing::info!(listener, "certificate replaced"),
            Err(error) => {
                tracing::error!(listener, error = format!("{error:#}"), "certificate not replaced");
            }
        }
        metrics.count_certificate_reload(listener, result.is_ok());
        self.show(metrics);
    }

    fn show(&self, metrics: &Metrics) {
        if let Some(not_after) = self.certificates.not_after() {
            metrics.set_certificate(&self.listener, not_after);
        }
    }

    /// Whether a new pair is in place. A bad pair is an error once, not every time it is looked at.
    fn refresh(&self) -> anyhow::Result<bool> {
        let read = Pair::read(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == read.as_ref().ok().cloned() {
            return Ok(false);
        }
        *seen = read.as_ref().ok().cloned();
        let Pair { chain, key } = read?;
        self.certificates.replace(&chain, &key, now())?;
        Ok(true)
    }
}

impl Pair {
    fn read(files: &TlsFiles) -> anyhow::Result<Pair> {
        Ok(Pair { chain: read(&files.cert)?, key: read(&files.key)?.into() })
    }
}

/// Looks at all files over and over.
pub async fn watch(watched: Arc<Vec<Watched>>, metrics: Metrics) {
    watched.iter().for_each(|pair| pair.show(&metrics));
    while !watched.is_empty() {
        tokio::time::sleep(LOOK).await;
        let (watched, metrics) = (watched.clone(), metrics.clone());
        let looked = tokio::task::spawn_blocking(move || {
            watched.iter().for_each(|pair| pair.read_again(&metrics));
        });
        if looked.await.is_err() {
            tracing::error!("certificates are not watched any more");
            return;
        }
    }
}

/// A PEM file, within bounds.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size = fs::metadata(path).with_context(|| path.display().to_string())?.len();
    anyhow::ensure!(size <= MAX_FILE, "{} is larger than {MAX_FILE} bytes", path.display());
    fs::read(path).with_context(|| path.display().to_string())
}

fn now() -> i64 {
    i64::try_from(Timestamp::now().seconds()).unwrap_or(i64::MAX)
}

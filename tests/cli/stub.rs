//! An admin port that gives prepared answers and remembers what came.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::crypto::aws_lc_rs;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::run::{Run, tenantry};

pub struct Stub {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    pub fn answering(status: u16, kind: &str, body: &str) -> Self {
        Stub::start(answer(status, &format!("content-type: {kind}\r\n"), body), None)
    }

    /// Each answer goes to requests that begin with its words, such as `GET /api/v1/me`; the first that
    /// fits counts. Others get 404.
    pub fn scripted(answers: &[(&str, u16, &str, &str)]) -> Self {
        let script = answers.iter().map(|(begin, status, headers, body)| {
            let headers = format!("content-type: application/json\r\n{headers}");
            ((*begin).to_owned(), answer(*status, &headers, body))
        });
        let nothing = r#"{"title":"Not Found","message":"the script has no such line"}"#;
        let rest = (String::new(), answer(404, "content-type: application/problem+json\r\n", nothing));
        Stub::serving(script.chain([rest]).collect(), None)
    }

    /// Gives an answer, but to requests that have this text in them none: it hangs up.
    pub fn hanging_up(line: (&str, u16, &str, &str), upon: &str) -> Self {
        let (begin, status, headers, body) = line;
        let rest =
            (begin.to_owned(), answer(status, &format!("content-type: application/json\r\n{headers}"), body));
        Stub::serving(vec![(format!("*{upon}"), String::new()), rest], None)
    }

    pub fn moved(to: &str) -> Self {
        Stub::start(answer(307, &format!("location: {to}\r\n"), ""), None)
    }

    /// Under a certificate of its own, which is also returned, as PEM.
    pub fn secure(body: &str) -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("they belong together");
        let answer = answer(200, "content-type: application/json\r\n", body);
        (Stub::start(answer, Some(Arc::new(config))), made.cert.pem())
    }

    /// A run of the program against this port.
    pub fn tenantry(&self, words: &[&str]) -> Run {
        tenantry(words).env("TENANTRY_URL", &self.url)
    }

    /// Heads and bodies, as they came.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The bodies of requests that begin with these words, as JSON.
    pub fn bodies(&self, begin: &str) -> Vec<serde_json::Value> {
        let sent = self.requests();
        let bodies = sent.iter().filter(|text| text.starts_with(begin)).map(|text| {
            let body = text.split("\r\n\r\n").nth(1).expect("a head and a body");
            serde_json::from_str(body).expect("JSON")
        });
        bodies.collect()
    }

    fn start(answer: String, tls: Option<Arc<ServerConfig>>) -> Self {
        Stub::serving(vec![(String::new(), answer)], tls)
    }

    fn serving(script: Vec<(String, String)>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let requests = Arc::default();
        let stub = Stub { url: format!("{scheme}://127.0.0.1:{port}"), requests: Arc::clone(&requests) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A caller that does not trust the certificate goes away, and that is what is tested.
                drop(serve(stream, tls.as_ref(), &script, &requests));
            }
        });
        stub
    }
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} S\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn serve(
    mut stream: TcpStream,
    tls: Option<&Arc<ServerConfig>>,
    script: &[(String, String)],
    requests: &Mutex<Vec<String>>,
) -> io::Result<()> {
    match tls {
        None => exchange(&mut stream, script, requests),
        Some(config) => {
            let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            exchange(&mut StreamOwned::new(connection, stream), script, requests)
        }
    }
}

fn exchange(
    stream: &mut (impl Read + Write),
    script: &[(String, String)],
    requests: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut request = Vec::new();
    while !complete(&request) {
        let mut part = [0; 4096];
        match stream.read(&mut part)? {
            0 => return Ok(()),
            length => request.extend_from_slice(&part[..length]),
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let fits = |begin: &str| match begin.strip_prefix('*') {
        Some(part) => text.contains(part),
        None => text.starts_with(begin),
    };
    let answer = script.iter().find(|(begin, _)| fits(begin)).expect("the last fits all");
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    stream.write_all(answer.1.as_bytes())?;
    stream.flush()
}

/// Whether the head has come, and as much of a body as it announces.
fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

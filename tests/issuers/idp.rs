//! An identity provider of the tests' own, over TLS or without: answers as it is told and remembers
//! what it was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// How a path is answered.
#[derive(Clone)]
pub enum Reply {
    /// These bytes, and the connection's end.
    Raw(Vec<u8>),
    /// These bytes, again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// Nothing, over an open connection.
    Silence,
}

/// Listens on every address of this machine, as `localhost`. Stops when it is dropped.
pub struct Idp {
    pub address: SocketAddr,
    /// The PEM of its certificate.
    pub authority: String,
    replies: Arc<Mutex<HashMap<String, Reply>>>,
    /// Whole request heads, in order.
    asked: watch::Sender<Vec<String>>,
    /// Connections that were accepted, before any TLS.
    dialled: watch::Receiver<usize>,
    task: AbortHandle,
}

impl Reply {
    pub fn text(body: &str) -> Reply {
        let length = body.len();
        Reply::Raw(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes())
    }

    pub fn status(line: &str) -> Reply {
        Reply::Raw(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n").into_bytes())
    }
}

impl Idp {
    pub async fn new() -> Idp {
        Idp::start(true).await
    }

    pub async fn plain() -> Idp {
        Idp::start(false).await
    }

    async fn start(tls: bool) -> Idp {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let authority = made.cert.pem();
        let acceptor = tls.then(|| acceptor(&authority, &made.signing_key.serialize_pem()));
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let replies = Arc::new(Mutex::new(HashMap::new()));
        let (asked, _) = watch::channel(Vec::new());
        let (count, dialled) = watch::channel(0);
        let server = Server { replies: replies.clone(), asked: asked.clone() };
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                let (server, acceptor) = (server.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => server.serve(stream).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                server.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Idp { address, authority, replies, asked, dialled, task: task.abort_handle() }
    }

    /// A URL of this provider, by name.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub fn put(&self, path: &str, reply: Reply) {
        self.replies.lock().expect("unpoisoned").insert(path.to_owned(), reply);
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    pub fn dialled(&self) -> usize {
        *self.dialled.borrow()
    }
}

impl Drop for Idp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn acceptor(chain: &str, key: &str) -> TlsAcceptor {
    let chain = CertificateDer::from_pem_slice(chain.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .expect("they belong together");
    TlsAcceptor::from(Arc::new(config))
}

#[derive(Clone)]
struct Server {
    replies: Arc<Mutex<HashMap<String, Reply>>>,
    asked: watch::Sender<Vec<String>>,
}

impl Server {
    /// One request, one answer. Callers that leave are no concern here.
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).expect("our own requests are text");
        let path = head.split(' ').nth(1).expect("a request line").to_owned();
        self.asked.send_modify(|asked| asked.push(head));
        let reply = self.replies.lock().expect("unpoisoned").get(&path).cloned();
        match reply.unwrap_or_else(|| Reply::status("404 Not Found")) {
            Reply::Raw(bytes) => drop(stream.write_all(&bytes).await),
            Reply::Endless(head, piece) => {
                let mut written = stream.write_all(&head).await;
                while written.is_ok() {
                    written = stream.write_all(&piece).await;
                }
            }
            // Until the caller leaves.
            Reply::Silence => drop(stream.read_u8().await),
        }
        drop(stream.shutdown().await);
    }
}

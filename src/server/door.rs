//! The admin port's socket under TLS: handshakes run beside each other, so that a slow one keeps
//! nobody else out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at once.
const HANDSHAKES: usize = 64;

/// Connections whose handshake is done.
pub struct TlsDoor {
    address: SocketAddr,
    opened: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsDoor {
    pub fn open(listener: TcpListener, config: Arc<ServerConfig>) -> io::Result<TlsDoor> {
        let address = listener.local_addr()?;
        let (sender, opened) = mpsc::channel(HANDSHAKES);
        tokio::spawn(shake_hands(listener, TlsAcceptor::from(config), sender));
        Ok(TlsDoor { address, opened })
    }
}

impl axum::serve::Listener for TlsDoor {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        match self.opened.recv().await {
            Some(opened) => opened,
            // The accepting task lives as long as this end; should it ever be gone, nobody comes.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn shake_hands(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    opened: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = opened.closed() => return,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let (acceptor, opened) = (acceptor.clone(), opened.clone());
        // Without it the first answer waits for a delayed ACK.
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                // Fails when the admin port has closed meanwhile.
                let _ = opened.send((stream, peer)).await;
            }
            drop(place);
        });
    }
}

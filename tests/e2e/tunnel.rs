//! The way from a name to the gateway, where there is no name service: an HTTP proxy that takes
//! CONNECT for any name and joins the caller with one address. TLS passes through it untouched.

use std::net::SocketAddr;

use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Starts a proxy whose tunnels all end at `target`; gives its address.
pub async fn start(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            tokio::spawn(join(caller, target));
        }
    });
    address
}

async fn join(mut caller: TcpStream, target: SocketAddr) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(caller.read_u8().await?);
    }
    if !head.starts_with(b"CONNECT ") {
        return caller.write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n").await;
    }
    let mut gateway = TcpStream::connect(target).await?;
    caller.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    io::copy_bidirectional(&mut caller, &mut gateway).await?;
    Ok(())
}

//! Listening sockets: one per data-plane thread on the same address, so that the kernel spreads
//! connections and no thread waits for another.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 4096;

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{0} is in use by another program: stop that one, or choose another address")]
    InUse(SocketAddr),
    #[error("no permission to listen on {0}: ports below 1024 need the capability CAP_NET_BIND_SERVICE")]
    Denied(SocketAddr),
    #[error("{0} is not an address of this machine")]
    NotLocal(SocketAddr),
    #[error("cannot listen on {address}: {error}")]
    Other { address: SocketAddr, error: io::Error },
}

/// Opens `count` sockets on one address; for port 0 the kernel's choice holds for all of them.
pub fn bind(address: SocketAddr, count: usize) -> Result<(SocketAddr, Vec<TcpListener>), ListenError> {
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse(address),
        io::ErrorKind::PermissionDenied => ListenError::Denied(address),
        io::ErrorKind::AddrNotAvailable => ListenError::NotLocal(address),
        _ => ListenError::Other { address, error },
    };
    // SO_REUSEPORT would let us share the port of another instance unnoticed; a socket without it
    // finds out. The kernel keeps both apart, so it has to go before the others come.
    let probe = open(address, false).map_err(fault)?;
    let address = probe.local_addr().map_err(fault)?;
    drop(probe);
    let sockets = (0..count).map(|_| open(address, true)).collect::<io::Result<Vec<_>>>().map_err(fault)?;
    Ok((address, sockets))
}

fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_another_instance_shares_out_is_seen_as_busy() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (address, sockets) = bind(any, 2).expect("a free port");
        assert_eq!(sockets.len(), 2);
        assert!(matches!(bind(address, 1), Err(ListenError::InUse(busy)) if busy == address));
    }
}

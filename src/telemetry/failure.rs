//! Why an upstream or a TLS handshake failed, as the `reason` label of its metric. The lists are
//! closed, so that no caller can make a series.

/// What kept an upstream from answering a request in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamFailure {
    ConnectRefused,
    ConnectTimeout,
    /// No route, no such name, or another error of the socket.
    ConnectFailed,
    /// Connected and sent, but no answer began in time.
    FirstByteTimeout,
    /// The whole exchange took longer than it may.
    Timeout,
    /// The upstream closed or reset the connection before its answer began.
    Closed,
    /// The answer is not HTTP as we accept it.
    Malformed,
    /// The answer's body ended or stalled before its end.
    Truncated,
}

impl UpstreamFailure {
    pub const ALL: [UpstreamFailure; 8] = [
        UpstreamFailure::ConnectRefused,
        UpstreamFailure::ConnectTimeout,
        UpstreamFailure::ConnectFailed,
        UpstreamFailure::FirstByteTimeout,
        UpstreamFailure::Timeout,
        UpstreamFailure::Closed,
        UpstreamFailure::Malformed,
        UpstreamFailure::Truncated,
    ];

    /// The label; also fit for the access log's reason.
    pub const fn label(self) -> &'static str {
        match self {
            UpstreamFailure::ConnectRefused => "connect_refused",
            UpstreamFailure::ConnectTimeout => "connect_timeout",
            UpstreamFailure::ConnectFailed => "connect_failed",
            UpstreamFailure::FirstByteTimeout => "first_byte_timeout",
            UpstreamFailure::Timeout => "timeout",
            UpstreamFailure::Closed => "closed",
            UpstreamFailure::Malformed => "malformed",
            UpstreamFailure::Truncated => "truncated",
        }
    }
}

/// Why a TLS handshake did not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeFailure {
    Timeout,
    /// The caller went away.
    Closed,
    /// What came was no TLS record: often plain HTTP on a TLS port.
    NotTls,
    /// No version, cipher suite or name in common.
    NoAgreement,
    /// The caller refused our certificate.
    CertificateRefused,
    Other,
}

impl HandshakeFailure {
    pub const ALL: [HandshakeFailure; 6] = [
        HandshakeFailure::Timeout,
        HandshakeFailure::Closed,
        HandshakeFailure::NotTls,
        HandshakeFailure::NoAgreement,
        HandshakeFailure::CertificateRefused,
        HandshakeFailure::Other,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            HandshakeFailure::Timeout => "timeout",
            HandshakeFailure::Closed => "closed",
            HandshakeFailure::NotTls => "not_tls",
            HandshakeFailure::NoAgreement => "no_agreement",
            HandshakeFailure::CertificateRefused => "certificate_refused",
            HandshakeFailure::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counters are indexed by discriminant and labelled by `ALL`.
    #[test]
    fn all_is_in_order_and_labels_differ() {
        for (at, failure) in UpstreamFailure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, at);
        }
        for (at, failure) in HandshakeFailure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, at);
        }
        let mut labels: Vec<_> = UpstreamFailure::ALL.iter().map(|failure| failure.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), UpstreamFailure::ALL.len());
    }
}

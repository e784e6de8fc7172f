//! The framing of HTTP/1 requests, read a second time and strictly (RFC 9112 §2.2, §6, §7.1).
//!
//! hyper forgives what a gateway must not: a bare LF, Content-Length beside Transfer-Encoding, a
//! Content-Length said twice, a fragment in the target. The guard sees the same bytes before hyper
//! does and refuses those, so that no two readers of one connection can differ on where a request
//! ends. It looks at framing only: what a request means is not its business.

use memchr::memchr;

/// What a line may be longer than a whole head: hyper, which sees the head as a whole, is to be the
/// one that refuses it for its size.
const SLACK: usize = 8 * 1024;
/// Longest name of a header; some readers behind us count it in one byte.
pub const MAX_NAME: usize = 255;
/// Longest line that gives a chunk's size, with its extensions.
const MAX_CHUNK_LINE: usize = 256;
/// All trailers of one body.
const MAX_TRAILERS: usize = 16 * 1024;

/// Why a connection is not read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("a line ends in a bare LF or is too long")]
    Line,
    #[error("the request line has a fragment or another form than METHOD TARGET VERSION")]
    RequestLine,
    #[error("Content-Length is not one decimal number, or is said twice")]
    ContentLength,
    #[error("Transfer-Encoding is not chunked alone, or stands beside Content-Length")]
    TransferEncoding,
    #[error("a header line has no name, or one of more than {MAX_NAME} bytes")]
    Header,
    #[error("a chunk's size is no hexadecimal number, or its data do not end in CRLF")]
    Chunk,
}

/// The reader's place in the stream of one connection.
pub struct Guard {
    place: Place,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// Longest line of a head or a trailer.
    longest: usize,
    length: Option<u64>,
    chunked: bool,
    trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    RequestLine,
    Headers,
    Body(u64),
    ChunkSize,
    /// So many bytes of data and the CRLF behind them are left.
    ChunkData(u64),
    ChunkEnd,
    Trailers,
}

impl Guard {
    /// For requests whose head has at most `head` bytes.
    pub fn new(head: usize) -> Self {
        let (place, longest) = (Place::RequestLine, head + SLACK);
        Guard { place, partial: Vec::new(), longest, length: None, chunked: false, trailers: 0 }
    }

    /// Reads the next bytes of the connection.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        while !bytes.is_empty() {
            bytes = match self.place {
                Place::Body(left) => self.skip(bytes, left, Place::Body, Place::RequestLine),
                Place::ChunkData(left) => self.skip(bytes, left, Place::ChunkData, Place::ChunkEnd),
                _ => self.line(bytes)?,
            };
        }
        Ok(())
    }

    /// Whether the next byte begins a request.
    pub fn between_requests(&self) -> bool {
        self.place == Place::RequestLine && self.partial.is_empty()
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64, more: fn(u64) -> Place, then: Place) -> &'a [u8] {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - take as u64;
        self.place = if left == 0 { then } else { more(left) };
        &bytes[take..]
    }

    /// Reads up to the end of a line, or keeps what there is of it; gives back what follows.
    fn line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Violation> {
        let limit = if self.place == Place::ChunkSize { MAX_CHUNK_LINE } else { self.longest };
        let end = memchr(b'\n', bytes);
        if self.partial.len() + end.unwrap_or(bytes.len()) > limit {
            return Err(Violation::Line);
        }
        let Some(end) = end else {
            self.partial.extend_from_slice(bytes);
            return Ok(&[]);
        };
        if self.partial.is_empty() {
            self.whole_line(&bytes[..end])?;
        } else {
            let mut line = std::mem::take(&mut self.partial);
            line.extend_from_slice(&bytes[..end]);
            self.whole_line(&line)?;
        }
        Ok(&bytes[end + 1..])
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        let line = line.strip_suffix(b"\r").ok_or(Violation::Line)?;
        if memchr(b'\r', line).is_some() {
            return Err(Violation::Line);
        }
        self.place = match self.place {
            Place::RequestLine => self.request_line(line)?,
            Place::Headers if line.is_empty() => self.head_end()?,
            Place::Headers => self.header(line)?,
            Place::ChunkSize => chunk_size(line)?,
            Place::ChunkEnd if line.is_empty() => Place::ChunkSize,
            Place::Trailers if line.is_empty() => Place::RequestLine,
            Place::Trailers => self.trailer(line)?,
            Place::ChunkEnd | Place::Body(_) | Place::ChunkData(_) => return Err(Violation::Chunk),
        };
        Ok(())
    }

    fn request_line(&mut self, line: &[u8]) -> Result<Place, Violation> {
        // RFC 9112 §2.2: an empty line before a request is to be ignored.
        if line.is_empty() {
            return Ok(Place::RequestLine);
        }
        let mut parts = line.split(|b| *b == b' ');
        let (method, target, version) = (parts.next(), parts.next(), parts.next());
        let whole = [method, target, version].iter().all(|part| part.is_some_and(|text| !text.is_empty()));
        if !whole || parts.next().is_some() || memchr(b'#', line).is_some() {
            return Err(Violation::RequestLine);
        }
        self.length = None;
        self.chunked = false;
        Ok(Place::Headers)
    }

    fn header(&mut self, line: &[u8]) -> Result<Place, Violation> {
        let colon = memchr(b':', line).filter(|at| (1..=MAX_NAME).contains(at)).ok_or(Violation::Header)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = decimal(value).filter(|_| self.length.is_none());
            self.length = Some(length.ok_or(Violation::ContentLength)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Violation::TransferEncoding);
            }
            self.chunked = true;
        }
        Ok(Place::Headers)
    }

    fn head_end(&mut self) -> Result<Place, Violation> {
        self.trailers = 0;
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Violation::TransferEncoding),
            (true, None) => Ok(Place::ChunkSize),
            (false, None | Some(0)) => Ok(Place::RequestLine),
            (false, Some(length)) => Ok(Place::Body(length)),
        }
    }

    fn trailer(&mut self, line: &[u8]) -> Result<Place, Violation> {
        self.trailers += line.len();
        if self.trailers > MAX_TRAILERS || memchr(b':', line).is_none_or(|at| at == 0) {
            return Err(Violation::Header);
        }
        Ok(Place::Trailers)
    }
}

/// Up to 18 digits and nothing else; more would not fit a body that anyone sends.
fn decimal(text: &[u8]) -> Option<u64> {
    let fits = (1..=18).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    fits.then(|| text.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

fn chunk_size(line: &[u8]) -> Result<Place, Violation> {
    let digits = line.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(line.len());
    let extension = line.get(digits).is_none_or(|b| *b == b';');
    if !(1..=15).contains(&digits) || !extension {
        return Err(Violation::Chunk);
    }
    let size = line[..digits].iter().fold(0, |size, digit| size * 16 + hex(*digit));
    Ok(if size == 0 { Place::Trailers } else { Place::ChunkData(size) })
}

fn hex(digit: u8) -> u64 {
    u64::from(match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a stream in one piece, then byte by byte: both must end alike.
    fn read(stream: &[u8]) -> Result<bool, Violation> {
        let mut whole = Guard::new(1024);
        let result = whole.feed(stream).map(|()| whole.between_requests());
        let mut pieces = Guard::new(1024);
        let piecewise = stream.chunks(1).try_for_each(|piece| pieces.feed(piece));
        assert_eq!(piecewise.map(|()| pieces.between_requests()), result);
        result
    }

    #[test]
    fn sound_requests_pass_one_after_the_other() {
        for stream in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(read(stream.as_bytes()), Ok(true), "{stream:?}");
        }
        assert_eq!(read(b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhell"), Ok(false));
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        use Violation::*;
        let post = |headers: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}");
        for (stream, violation) in [
            ("GET / HTTP/1.1\nHost: a\n\n".to_owned(), Line),
            (post("X: a\rb\r\n", ""), Line),
            ("GET /#/ready HTTP/1.1\r\n\r\n".to_owned(), RequestLine),
            ("GET  / HTTP/1.1\r\n\r\n".to_owned(), RequestLine),
            ("GET /\r\n\r\n".to_owned(), RequestLine),
            (post("Content-Length: +5\r\n", "hello"), ContentLength),
            (post("Content-Length:\r\n", ""), ContentLength),
            (post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), ContentLength),
            (post("Content-Length: 5, 5\r\n", "hello"), ContentLength),
            (post("Content-Length: 99999999999999999999\r\n", ""), ContentLength),
            (post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), TransferEncoding),
            (post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), TransferEncoding),
            (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ""), TransferEncoding),
            (post("Transfer-Encoding: xchunked\r\n", ""), TransferEncoding),
            (post("Transfer-Encoding: gzip, chunked\r\n", ""), TransferEncoding),
            (post(": x\r\n", ""), Header),
            (post(" folded\r\n", ""), Header),
            (post(&format!("{}: x\r\n", "a".repeat(MAX_NAME + 1)), ""), Header),
            (post("Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n"), Chunk),
            (post("Transfer-Encoding: chunked\r\n", "ffffffffffffffff1\r\n"), Chunk),
            (post("Transfer-Encoding: chunked\r\n", "5\r\nhelloX\r\n"), Chunk),
            (post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n"), Line),
        ] {
            assert_eq!(read(stream.as_bytes()), Err(violation), "{stream:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter_and_nothing_panics(parts in prop::collection::vec(prop_oneof![
            Just("\r\n".to_owned()), Just("\n".to_owned()), Just("POST / HTTP/1.1\r\n".to_owned()),
            Just("Transfer-Encoding: chunked\r\n".to_owned()), Just("Content-Length: 3\r\n".to_owned()),
            Just("3\r\nabc\r\n".to_owned()), Just("0\r\n\r\n".to_owned()), ".{0,8}",
        ], 0..12)) {
            let _ = read(parts.concat().as_bytes());
        }
    }
}

//! One PEM block (RFC 7468): its label and the bytes it holds. Knows no key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::KeyError;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
/// Columns of base64 that we write; any width is read.
const WIDTH: usize = 64;
/// How much of a label an error repeats.
const SHOWN: usize = 40;

pub(super) struct Block<'a> {
    pub label: &'a str,
    /// Wiped when dropped: it may be a private key.
    pub der: Zeroizing<Vec<u8>>,
}

impl<'a> Block<'a> {
    /// Reads a text that is one block; white space around it is already gone.
    pub fn read(text: &'a str) -> Result<Self, KeyError> {
        let inner = text.strip_prefix(BEGIN).ok_or(KeyError::NotAKey)?;
        if inner.contains(BEGIN) {
            return Err(KeyError::Blocks(text.split(BEGIN).skip(1).take(8).map(shown_label).collect()));
        }
        let (label, rest) = inner.split_once(DASHES).ok_or(KeyError::Pem("its first line has no end"))?;
        let body = rest
            .strip_suffix(DASHES)
            .and_then(|rest| rest.strip_suffix(label))
            .and_then(|rest| rest.strip_suffix("-----END "))
            .ok_or(KeyError::Pem("it does not end with an END line of the same label"))?;
        if label == "ENCRYPTED PRIVATE KEY" || body.contains(",ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        if !LABELS.contains(&label) {
            return Err(KeyError::Label(shown_label(inner)));
        }
        Ok(Block { label, der: decode(body)? })
    }
}

const LABELS: [&str; 5] =
    ["PUBLIC KEY", "RSA PUBLIC KEY", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

/// The label that `inner` begins with, cut to what an error can show.
fn shown_label(inner: &str) -> String {
    let label = inner.split(['-', '\n', '\r']).next().unwrap_or_default();
    label.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

fn decode(body: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    // Both buffers get their whole size at once, so that no copy of a private key stays behind in
    // memory that a growing vector has left.
    let mut joined = Zeroizing::new(Vec::with_capacity(body.len()));
    joined.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let mut der = Zeroizing::new(Vec::with_capacity(base64::decoded_len_estimate(joined.len())));
    STANDARD.decode_vec(&*joined, &mut der).map_err(|_| KeyError::Pem("its lines are no base64"))?;
    Ok(der)
}

/// The block's text: 64 columns, LF, no newline at the end.
pub(super) fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("{BEGIN}{label}{DASHES}\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(WIDTH));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str(DASHES);
    text
}

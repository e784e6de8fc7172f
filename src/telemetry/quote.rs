//! Texts as they may stand in a log: cut, quoted and escaped, so that nothing a caller sends can
//! end a line, forge a field or steer a terminal.

/// At most `limit` bytes of a text, not cut within a character.
pub(super) fn cut(text: &[u8], limit: usize) -> &[u8] {
    /// The bytes of a character after its first: three at most.
    const CONTINUED: usize = 3;
    if text.len() <= limit {
        return text;
    }
    let continues = |at: &usize| text[*at] & 0xC0 == 0x80;
    let ends = (limit.saturating_sub(CONTINUED)..=limit).rev();
    let end = ends.into_iter().find(|at| !continues(at)).unwrap_or(limit);
    &text[..end]
}

/// Writes a text in quotes, escaped as JSON has it. Control characters, those that break or turn
/// lines, and `"` and `\` are escaped; bytes that are not UTF-8 become U+FFFD.
pub(super) fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    if text.iter().fold(true, |plain, byte| plain & is_plain(*byte)) {
        out.extend_from_slice(text);
    } else {
        escaped(out, text);
    }
    out.push(b'"');
}

/// Writes a text as a logfmt value: bare where it can be, else in quotes.
pub(super) fn value(out: &mut Vec<u8>, text: &[u8]) {
    let bare = text.iter().fold(true, |bare, byte| bare & is_plain(*byte) & !matches!(byte, b' ' | b'='));
    if bare && !text.is_empty() {
        out.extend_from_slice(text);
    } else {
        quoted(out, text);
    }
}

/// Stands in quotes as it is. Without a branch, so that whole texts are checked by vectors.
#[expect(clippy::needless_bitwise_bool, reason = "a branch would keep the vectors out")]
fn is_plain(byte: u8) -> bool {
    (0x20..0x7F).contains(&byte) & (byte != b'"') & (byte != b'\\')
}

#[cold]
fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid();
        let mut copied = 0;
        for (at, char) in valid.char_indices().filter(|(_, char)| needs_escape(*char)) {
            out.extend_from_slice(&valid.as_bytes()[copied..at]);
            escape(out, char);
            copied = at + char.len_utf8();
        }
        out.extend_from_slice(&valid.as_bytes()[copied..]);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

fn needs_escape(char: char) -> bool {
    if char.is_ascii() { !is_plain(char as u8) } else { is_unsafe(char) }
}

fn escape(out: &mut Vec<u8>, char: char) {
    match char {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        other => {
            for unit in other.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                out.extend([12, 8, 4, 0].map(|shift| b"0123456789abcdef"[usize::from(*unit >> shift & 0xF)]));
            }
        }
    }
}

/// Controls (C1 too: U+009B starts a terminal's sequence), line and paragraph separators, and
/// the invisible characters that reorder or hide text.
pub fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
        || matches!(char, '\u{61C}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(write: fn(&mut Vec<u8>, &[u8]), text: &[u8]) -> String {
        let mut out = Vec::new();
        write(&mut out, text);
        String::from_utf8(out).expect("always UTF-8")
    }

    #[test]
    fn logfmt_values() {
        assert_eq!(shown(value, b"/api/prom/push"), "/api/prom/push");
        assert_eq!(shown(value, b""), "\"\"");
        assert_eq!(shown(value, b"a b"), "\"a b\"");
        assert_eq!(shown(value, b"a=b"), "\"a=b\"");
        assert_eq!(shown(value, b"say \"hi\"\\"), r#""say \"hi\"\\""#);
        assert_eq!(shown(value, b"x\r\nstatus=200"), r#""x\r\nstatus=200""#);
        assert_eq!(shown(value, b"\x1b[31mred\x7f"), r#""\u001b[31mred\u007f""#);
        assert_eq!(
            shown(value, "\u{9b}31m \u{202e} \u{e0041}".as_bytes()),
            r#""\u009b31m \u202e \udb40\udc41""#
        );
        assert_eq!(shown(value, b"\xff\xfeok"), "\"\u{FFFD}\u{FFFD}ok\"");
        assert_eq!(shown(value, "münchen".as_bytes()), "\"münchen\"");
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(cut(b"abc", 3), b"abc");
        assert_eq!(cut(b"abcd", 3), b"abc");
        assert_eq!(cut("aé".as_bytes(), 2), b"a");
        assert_eq!(cut("a\u{10000}b".as_bytes(), 4), b"a");
        assert_eq!(cut(&[0x80; 9], 5), &[0x80; 5], "not text at all: cut anywhere");
        assert_eq!(cut("é".as_bytes(), 1), b"");
    }

    proptest! {
        #[test]
        fn json_reads_it_back(text in any::<String>()) {
            let back: String = serde_json::from_str(&shown(quoted, text.as_bytes())).expect("JSON");
            prop_assert_eq!(back, text);
        }

        #[test]
        fn nothing_raw_comes_out(text in prop::collection::vec(any::<u8>(), 0..64)) {
            let out = shown(value, &text);
            prop_assert!(!out.chars().any(is_unsafe), "{out:?}");
            if out.starts_with('"') {
                let back: String = serde_json::from_str(&out).expect("JSON");
                prop_assert_eq!(back, String::from_utf8_lossy(&text));
            } else {
                prop_assert_eq!(out.as_bytes(), &text[..]);
                prop_assert!(!out.contains([' ', '=', '"', '\\']));
            }
        }

        #[test]
        fn cut_is_the_longest_prefix(text in any::<String>(), limit in 0usize..40) {
            let short = cut(text.as_bytes(), limit);
            prop_assert_eq!(short, &text.as_bytes()[..text.floor_char_boundary(limit)]);
        }
    }
}

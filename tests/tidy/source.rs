//! Rust text as tokens, and the few shapes in it that the rules ask for: paths from the crate's root,
//! test modules, functions. Comments and literals are gone before anyone looks. Knows no rule.

use std::ops::Range;

/// A word or one other character (`"` stands for any literal), and its line, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A function's name and the lines that it takes, its signature and braces with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let end = token_end(&chars, at);
        let first = chars[at];
        let literal =
            first == '"' || (word(first) && matches!(chars[end - 1], '"' | '#')) || char_literal(&chars, at);
        if literal {
            tokens.push(Token { text: "\"".to_owned(), line });
        } else if !first.is_whitespace() && !comment(&chars, at) {
            tokens.push(Token { text: chars[at..end].iter().collect(), line });
        }
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

/// One past the last character of what begins at `at`.
fn token_end(chars: &[char], at: usize) -> usize {
    let after = |found: Option<usize>, step| found.map_or(chars.len(), |offset| at + offset + step);
    let rest = &chars[at..];
    if comment(chars, at) {
        return if rest[1] == '/' {
            after(rest.iter().position(|c| *c == '\n'), 0)
        } else {
            at + block_comment(rest)
        };
    }
    if char_literal(chars, at) {
        return if rest[1] == '\\' { after(rest[3..].iter().position(|c| *c == '\''), 4) } else { at + 3 };
    }
    if rest[0] == '"' {
        return at + quoted(rest);
    }
    let length = rest.iter().take_while(|c| word(**c)).count();
    let hashes = rest[length..].iter().take_while(|c| **c == '#').count();
    let raw = matches!(rest[..length].iter().collect::<String>().as_str(), "r" | "br" | "cr");
    if raw && rest.get(length + hashes) == Some(&'"') {
        let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
        let body = length + hashes + 1;
        return after(rest[body..].windows(close.len()).position(|w| w == close), body + close.len());
    }
    at + length.max(1)
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn comment(chars: &[char], at: usize) -> bool {
    chars[at] == '/' && matches!(chars.get(at + 1), Some('/' | '*'))
}

/// Told from a lifetime by its closing quote.
fn char_literal(chars: &[char], at: usize) -> bool {
    chars[at] == '\'' && (chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\''))
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Whether the tokens from `at` on read as `texts`.
pub fn reads(tokens: &[Token], at: usize, texts: &[&str]) -> bool {
    texts.iter().enumerate().all(|(i, text)| tokens.get(at + i).is_some_and(|token| token.text == *text))
}

/// What the crate's root is asked for in a file whose module is `depth` below it: each module with its
/// line, `*` and `self` as they are.
pub fn from_root(tokens: &[Token], depth: usize) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if reads(tokens, at, &["crate", ":", ":"]) || reads(tokens, at, &["tenantry", ":", ":"]) {
            found.extend(heads(tokens, at + 3));
        }
        let chain = (at..).step_by(3).take_while(|at| reads(tokens, *at, &["super", ":", ":"])).count();
        if chain > 0 && chain >= depth && !reads(tokens, at.saturating_sub(3), &["super", ":", ":"]) {
            found.extend(heads(tokens, at + 3 * chain));
        }
    }
    found
}

/// `a` of `a::b`; `a` and `b` of `{a::…, b::{…}}`.
fn heads(tokens: &[Token], at: usize) -> Vec<(String, usize)> {
    let head = |token: &Token| (token.text.clone(), token.line);
    if !reads(tokens, at, &["{"]) {
        return tokens.get(at).map(head).into_iter().collect();
    }
    let inside = &tokens[at + 1..group_end(tokens, at) - 1];
    let (mut depth, mut first, mut heads) = (0, true, Vec::new());
    for token in inside {
        if first && depth == 0 && token.text != "," {
            heads.push(head(token));
            first = false;
        }
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 0 => first = true,
            _ => {}
        }
    }
    heads
}

/// One past the brace that closes the one at `open`.
fn group_end(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Where the modules under `#[cfg(test)]` stand among the tokens.
pub fn test_modules(tokens: &[Token]) -> Vec<Range<usize>> {
    let begins = |at: &usize| reads(tokens, *at, &["#", "[", "cfg", "(", "test", ")", "]", "mod"]);
    let whole = |at: usize| reads(tokens, at + 9, &["{"]).then(|| at..group_end(tokens, at + 9));
    (0..tokens.len()).filter(begins).filter_map(whole).collect()
}

/// Every function with a body, nested ones too.
pub fn functions(tokens: &[Token]) -> Vec<Function> {
    let mut functions = Vec::new();
    for at in 0..tokens.len() {
        let Some(name) = tokens.get(at + 1).filter(|next| tokens[at].text == "fn" && next.text != "(") else {
            continue;
        };
        let mut depth = 0;
        let end = tokens.iter().enumerate().skip(at).find(|(_, token)| {
            match token.text.as_str() {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(token.text.as_str(), "{" | ";")
        });
        let Some((open, _)) = end.filter(|(_, token)| token.text == "{") else { continue };
        let line = tokens[at].line;
        let last = tokens[group_end(tokens, open) - 1].line;
        functions.push(Function { name: name.text.clone(), line, lines: last - line + 1 });
    }
    functions
}

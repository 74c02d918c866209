//! Whether a condition lets more through than before, as far as its text tells.

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Word(String),
}

/// Whether a condition is weaker than another that differs from it only in numbers. None where that cannot be told.
pub(crate) fn is_weaker(before: &str, after: &str) -> Option<bool> {
    let (old, new) = (tokens(before), tokens(after));
    if old.len() != new.len() {
        return None;
    }
    let mut weaker = None;
    for (at, pair) in old.iter().zip(&new).enumerate() {
        match pair {
            (Token::Word(a), Token::Word(b)) if a == b => {}
            (Token::Number(a), Token::Number(b)) if a.total_cmp(b).is_eq() => {}
            (Token::Number(a), Token::Number(b)) => {
                let right = direction(at.checked_sub(1).and_then(|at| old.get(at)));
                let left = direction(old.get(at + 1)).map(|is_upper| !is_upper);
                let is_upper = right.or(left)?;
                let this = if is_upper { b > a } else { b < a };
                weaker = Some(weaker.unwrap_or(false) || this);
            }
            (Token::Word(a), Token::Word(b)) if is_loosened(a, b) => weaker = Some(true),
            (Token::Word(_) | Token::Number(_), Token::Word(_) | Token::Number(_)) => return None,
        }
    }
    // A number under a `not`, or beside an arithmetic sign, may mean the opposite.
    let is_plain = |token: &Token| match token {
        Token::Word(word) => !matches!(
            word.as_str(),
            "not" | "-" | "/" | "*" | "%" | "if" | "else" | "(" | ")"
        ),
        Token::Number(_) => true,
    };
    if old.iter().all(is_plain) { weaker } else { None }
}

/// Whether a number beside this word is an upper bound. None if it is no bound.
fn direction(token: Option<&Token>) -> Option<bool> {
    match token {
        Some(Token::Word(word)) => match word.as_str() {
            "<" | "<=" => Some(true),
            ">" | ">=" => Some(false),
            _ => None,
        },
        Some(Token::Number(_)) | None => None,
    }
}

fn is_loosened(before: &str, after: &str) -> bool {
    matches!(
        (before, after),
        ("<", "<=") | (">", ">=") | ("and", "or") | ("==", "<=" | ">=")
    )
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, char)) = chars.next() {
        if char.is_whitespace() {
            continue;
        }
        let mut end = start + char.len_utf8();
        let mut take = |fits: &dyn Fn(char) -> bool, end: &mut usize| {
            while let Some((at, next)) = chars.next_if(|(_, next)| fits(*next)) {
                *end = at + next.len_utf8();
            }
        };
        if char.is_ascii_digit() {
            take(
                &|next| next.is_ascii_digit() || next == '.' || next == '_',
                &mut end,
            );
        } else if char.is_alphanumeric() || char == '_' {
            take(
                &|next| next.is_alphanumeric() || next == '_' || next == '.',
                &mut end,
            );
        } else if char == '"' || char == '\'' {
            take(&|next| next != char, &mut end);
            take(&|next| next == char, &mut end);
        } else if matches!(char, '<' | '>' | '=' | '!') {
            take(&|next| next == '=', &mut end);
        }
        let word = text.get(start..end).unwrap_or_default();
        let number = word.replace('_', "").parse::<f64>().ok();
        tokens.push(match number.filter(|_| char.is_ascii_digit()) {
            Some(number) => Token::Number(number),
            None => Token::Word(word.to_owned()),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_compared() {
        for (before, after, expected) in [
            ("value < 0.8", "value < 0.95", Some(true)),
            ("value < 0.8", "value < 0.5", Some(false)),
            ("value > 10", "value > 5", Some(true)),
            ("10 < value", "5 < value", Some(true)),
            ("value == 3", "value == 4", None),
            ("a < 1 and b < 2", "a < 1 or b < 2", Some(true)),
            ("value < 1", "value <= 1", Some(true)),
            ("not value < 1", "not value < 2", None),
            ("value < 1", "other < 1", None),
            (
                "value < 0.8 and status == 200",
                "value < 0.9 and status == 200",
                Some(true),
            ),
            ("value < 0.8", "value < 0.80", None),
            ("(a > 5) == false", "(a > 500) == false", None),
        ] {
            assert_eq!(is_weaker(before, after), expected, "{before} → {after}");
        }
    }
}

//! Texts that are nearly runbooks: a text with some of it cut, doubled, swapped, or replaced by what has hurt others.

/// What is put into texts: signs of YAML and of expressions, and words of the language.
const PIECES: &[&str] = &[
    "\n",
    "\n  ",
    "\n    - ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "&a ",
    "*a",
    "!x ",
    "<<: ",
    "#",
    "%%%\n",
    "{{ ",
    " }}",
    "{%",
    "~",
    "null",
    "true",
    "-1",
    "1e400",
    "9223372036854775808",
    "0x1f",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{202e}",
    "é",
    "🦀",
    "\u{0}",
    "steps",
    "for_each",
    "choose",
    "first_of",
    "repeat",
    "rollback",
    "auto",
    "not_needed",
    "verify",
    "expect",
    "when",
    "needs",
    "uses",
    "with",
    "waive",
    "RB0502",
    "inputs.",
    "steps.",
    "secrets.",
    "checks.",
    " | length",
    " | sum_of(\"",
    " is matches(\"(",
    " in ",
    " and ",
    " not ",
    " if ",
    " else ",
    "**",
    "//",
    "==",
    "sql_ident",
    "let",
    "fail",
    "undo",
    "runbook",
    "service",
    "manual",
    "checks",
    "postgres://a:b@c",
    "0 9 * * *",
    "SELECT 1; DROP TABLE x",
    "INSERT INTO a SELECT",
    "1d2h",
    "((((((((",
    "[[[[[[[[[[",
    "{a: {a: {a: ",
];

/// Random changes that depend on the seed alone.
#[derive(Debug, Clone)]
pub struct Mutant {
    state: u64,
}

impl Mutant {
    /// The changes of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// `SplitMix64`: small, and good enough to choose by.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// One of these.
    pub(crate) fn choose<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.below(of.len()))
    }

    /// A place between two characters.
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// Two places in their order, not far from each other.
    fn range(&mut self, text: &str) -> (usize, usize) {
        let from = self.place(text);
        let mut to = (from + self.below(60)).min(text.len());
        while !text.is_char_boundary(to) {
            to += 1;
        }
        (from, to)
    }

    /// A text made from one of these.
    pub fn change(&mut self, texts: &[String]) -> String {
        let mut text = texts.get(self.below(texts.len())).cloned().unwrap_or_default();
        for _ in 0..=self.below(4) {
            match self.below(6) {
                0 => {
                    let (from, to) = self.range(&text);
                    text.replace_range(from..to, "");
                }
                1 => {
                    let (from, to) = self.range(&text);
                    let part = text.get(from..to).unwrap_or_default().to_owned();
                    let at = self.place(&text);
                    text.insert_str(at, &part);
                }
                2 => {
                    let (from, to) = self.range(&text);
                    let piece = PIECES.get(self.below(PIECES.len())).copied().unwrap_or_default();
                    text.replace_range(from..to, piece);
                }
                3 => {
                    let other = texts.get(self.below(texts.len())).cloned().unwrap_or_default();
                    let (from, to) = self.range(&other);
                    let at = self.place(&text);
                    text.insert_str(at, other.get(from..to).unwrap_or_default());
                }
                4 => {
                    let at = self.place(&text);
                    let piece = PIECES.get(self.below(PIECES.len())).copied().unwrap_or_default();
                    text.insert_str(at, piece);
                }
                _ => self.swap_lines(&mut text),
            }
        }
        text
    }

    /// Two lines change places, or one of them its depth.
    fn swap_lines(&mut self, text: &mut String) {
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let (one, other) = (self.below(lines.len()), self.below(lines.len()));
        if self.below(2) == 0 {
            lines.swap(one, other);
        } else if let Some(line) = lines.get_mut(one) {
            *line = if self.below(2) == 0 {
                format!("  {line}")
            } else {
                line.strip_prefix("  ").unwrap_or(line).to_owned()
            };
        }
        *text = lines.join("\n");
    }
}

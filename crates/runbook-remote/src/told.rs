//! What a shell at the other end of a pipe is told, so that it runs a program and answers for it.
//!
//! The carrier (`ssh`, `sudo`, a cluster) starts a shell with [`BOOT`] and nothing else: no value is part of a command line, so
//! `ps` shows none, and no other shell ever parses one. The shell reads lines and evaluates each, up to a line with a
//! full stop; if its input ends before that, nothing is run. The lines set arguments, variables, directory and
//! umask, with every text quoted by [`quoted`]; the bytes behind them are the program's input, kept in a file
//! that has no name any more by the time it holds them.
//!
//! The program leads a session of its own. While it runs, the shell listens: when its input ends, since this side
//! wants the program to end, or is gone, or the connection is, it sends SIGTERM to the session's group, and SIGKILL
//! when that has not ended it within ten seconds. So nothing stays behind, whichever end is lost.
//!
//! What the shell itself says goes to standard error, on lines that begin with a word that nobody can guess. That the
//! program begins and has ended it says on both outputs: what comes before and after is none of the program's.

use std::fmt::Write as _;

use runbook_action::{Command, ErrorKind, Failure, Inherit};

use crate::words::{is_name, quoted};

/// All that a carrier is told to run. It holds nothing that any shell takes for more than itself between single
/// quotes.
pub const BOOT: &str = r#"while IFS= read -r l; do case $l in .) go "$@";; esac; eval "$l"; done; exit 1"#;

/// What it says when it can be told the rest, where that comes by a terminal: before, the terminal would show what is
/// written to it, and cut long lines.
pub(crate) const READY: &str = "runbook-ready";

/// The same where the shell has a terminal.
#[must_use]
pub fn boot_in_terminal() -> String {
    format!("stty raw -echo; echo {READY}; {BOOT}")
}

/// What is different in a terminal. The program is a job in its foreground, with a group of its own; who tells that is
/// the program's own process, before it becomes the program. What comes by the terminal is for the program, so this side
/// asks for its end by other means, and beside it stands somebody who ends it when the terminal is gone.
const IN_TERMINAL: &[&str] = &[
    r#"guard='trap "" HUP INT QUIT TERM; while [ -t 8 ] && kill -s 0 -- "-$1"; do sleep 1; done; i=0; kill -s TERM -- "-$1" || exit 0; while kill -s 0 -- "-$1" && [ "$i" -lt 100 ]; do sleep 0.1 || sleep 1; i=$((i + 1)); done; kill -s KILL -- "-$1"'"#,
    r#"begin() { enter || { say failed directory; exit 1; }; vars; command -v -- "$1" >/dev/null 2>&1 || { say failed program; exit 127; }; p=$(exec sh -c 'echo "$PPID"'); if [ -n "$s" ]; then ( "$s" sh -c "$guard" sh "$p" 8>&2 </dev/null >/dev/null 2>&1 & ); fi; stty sane -echo cols 80 rows 24; tell; say begins; exec "$@"; }"#,
    r#"go() { trap : HUP INT QUIT TERM; exec 9>&2; { set -m; ( exec 2>&9 9>&-; begin "$@" ); c=$?; } 2>/dev/null; say end "$c"; exit 0; }"#,
];

/// What the shell is to know before it is told what to run. Each line is complete.
const LINES: &[&str] = &[
    // A line break, for texts that hold one.
    r#"n=$(printf "\nx"); n=${n%x}"#,
    r#"say() { printf "%s\n" "$k $*" >&2; }"#,
    "s=$(command -v setsid) || s=; e=$(command -v env) || e=; q=$(command -v perl) || q=",
    // A program that a shell starts beside itself ignores SIGINT and SIGQUIT, unless somebody undoes that.
    r#"if [ -n "$e" ] && "$e" --default-signal=INT,QUIT true 2>/dev/null; then :; else e=; fi"#,
    r#"plain() { if [ -n "$s" ]; then exec "$s" -- "$@"; fi; if [ -n "$q" ]; then exec "$q" -MPOSIX -e "setsid(); exec {\$ARGV[0]} @ARGV" -- "$@"; fi; say failed session; exit 1; }"#,
    r#"lead() { case $1 in *=*) plain "$@";; esac; if [ -n "$e" ]; then plain "$e" --default-signal=INT,QUIT -- "$@"; fi; plain "$@"; }"#,
    // A temporary file is gone from its directory before anything is in it.
    r#"spool() { t=$(mktemp /dev/shm/runbook.XXXXXX 2>/dev/null || mktemp "${TMPDIR:-/tmp}/runbook.XXXXXX") && exec 4>"$t" 5<"$t" 6<"$t" && rm -f -- "$t" && head -c "$1" >&4 && exec 4>&- && [ "$(wc -c <&6)" -eq "$1" ] && exec 6<&-; }"#,
    r#"stop() { kill -s TERM -- "-$p" || kill -s TERM "$p"; i=0; while kill -s 0 -- "-$p" && [ "$i" -lt 100 ]; do sleep 0.1 || sleep 1; i=$((i + 1)); done; kill -s KILL -- "-$p"; } 2>/dev/null"#,
    r#"watch() { while read -r x <&3; do :; done; trap "" TERM; stop; }"#,
    r#"tell() { z=; b=; { read -r z </proc/"$p"/stat; read -r b </proc/sys/kernel/random/boot_id; } 2>/dev/null; z=${z##*")" }; set -- $z; say pid "$p" "${20-}" "$b"; }"#,
    r#"begin() { exec 3<&-; enter || { say failed directory; exit 1; }; vars; command -v -- "$1" >/dev/null 2>&1 || { say failed program; exit 127; }; say begins; printf "%s\n" "$k begins"; lead "$@"; }"#,
    // A bash that it runs is not to take this for a login, and to read what is for people.
    "case ${SHLVL:-0} in 0) SHLVL=1;; esac; export SHLVL",
    // Whoever listens is started before anything is trapped: what is not yet reset there would be lost.
    r#"go() { if input; then :; else say failed input; exit 1; fi; exec 3<&0 </dev/null; begin "$@" <&5 & p=$!; exec 5<&-; tell; watch >/dev/null 2>&1 & w=$!; trap "stop; exit 143" HUP TERM; { wait "$p"; c=$?; kill -s TERM "$w"; wait "$w"; } 2>/dev/null; say end "$c"; printf "%s\n" "$k end $c"; exit 0; }"#,
    // What is passed on of the variables is told by those that are not. `PATH` stays: by it the program is found.
    r#"only() { for v in $(env | sed -n "s/^\([A-Za-z_][A-Za-z_0-9]*\)=.*/\1/p"); do case " $1 PATH " in *" $v "*) ;; *) (unset "$v") 2>/dev/null && unset "$v";; esac; done; }"#,
];

/// The lines by which the shell is told of a command, and the program's input behind them. Its own lines begin with
/// `mark`.
pub(crate) fn message(command: &Command, mark: &str) -> Result<Vec<u8>, Failure> {
    let mut lines: Vec<String> = LINES.iter().map(|line| (*line).to_owned()).collect();
    lines.push(format!("k={mark}"));
    lines.push(enter(command));
    lines.push(vars(command)?);
    if command.tty {
        lines.extend(IN_TERMINAL.iter().map(|line| (*line).to_owned()));
    }
    lines.push(match &command.stdin {
        Some(stdin) => format!("input() {{ spool {}; }}", stdin.len()),
        None => "input() { exec 5</dev/null; }".to_owned(),
    });
    let mut argv = "set --".to_owned();
    for argument in &command.argv {
        argv.push(' ');
        argv.push_str(&quoted(&without_nul(argument, "argv")?));
    }
    lines.push(argv);
    lines.push(".\n".to_owned());
    let mut message = lines.join("\n").into_bytes();
    if !command.tty {
        message.extend_from_slice(command.stdin.as_deref().unwrap_or_default());
    }
    Ok(message)
}

fn enter(command: &Command) -> String {
    let directory = match &command.cwd {
        // A name that begins with a dash is no option.
        Some(cwd) if cwd.starts_with('/') => format!("cd {} 2>/dev/null", quoted(cwd)),
        Some(cwd) => format!("cd {} 2>/dev/null", quoted(&format!("./{cwd}"))),
        None => ":".to_owned(),
    };
    format!("enter() {{ {directory}; }}")
}

fn vars(command: &Command) -> Result<String, Failure> {
    let mut line = "vars() { :".to_owned();
    if let Inherit::Only(names) = &command.inherit {
        let names: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| is_name(name))
            .collect();
        let _ = write!(line, "; only {}", quoted(&names.join(" ")));
    }
    for (name, value) in &command.env {
        if !is_name(name) {
            let message = format!(
                "`{}` cannot be the name of a variable there",
                name.escape_default()
            );
            return Err(Failure::new(ErrorKind::Other, message).help("use letters, digits and underscores"));
        }
        let value = without_nul(value, "env")?;
        let _ = write!(line, "; export {name}={}", quoted(&value));
    }
    if let Some(umask) = command.umask {
        let _ = write!(line, "; umask {umask:03o}");
    }
    line.push_str("; }");
    Ok(line)
}

fn without_nul(text: &str, what: &str) -> Result<String, Failure> {
    if text.contains('\0') {
        let failure = Failure::new(
            ErrorKind::Other,
            "holds a NUL character, which no program can be given",
        );
        return Err(failure.about(what));
    }
    Ok(text.to_owned())
}

/// What the shell says of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// All is as it was asked for, and the program begins. It is said on both outputs: what came before is none of the
    /// program's.
    Begins,
    /// It is there: the number of its group, when it started, in the life of the machine that began with which boot.
    Runs {
        group: u32,
        started: String,
        boot: String,
    },
    /// It was not started, for want of this.
    Failed(String),
    /// It has ended with this code: for a signal, 128 and its number. This too is said on both outputs.
    Ended(i32),
}

impl Said {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        match (words.next()?, words.next().unwrap_or_default()) {
            ("begins", _) => Some(Self::Begins),
            ("pid", group) => Some(Self::Runs {
                group: group.parse().ok()?,
                started: words.next().unwrap_or_default().to_owned(),
                boot: words.next().unwrap_or_default().to_owned(),
            }),
            ("failed", what) => Some(Self::Failed(what.to_owned())),
            ("end", code) => Some(Self::Ended(code.parse().ok()?)),
            _ => None,
        }
    }
}

/// A piece of what comes from the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The program printed it, or somebody before it.
    Printed(Vec<u8>),
    /// The shell said it.
    Said(Said),
}

/// Tells what the shell says from what the program prints: both come by the same pipe, cut anywhere.
#[derive(Debug)]
pub(crate) struct Listener {
    mark: Vec<u8>,
    held: Vec<u8>,
}

impl Listener {
    pub(crate) fn new(mark: &str) -> Self {
        Self {
            mark: mark.as_bytes().to_vec(),
            held: Vec::new(),
        }
    }

    /// What was printed and said, in order.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Heard> {
        self.held.extend_from_slice(bytes);
        let mut heard = Vec::new();
        while let Some(at) = find(&self.held, &self.mark) {
            self.printed(at, &mut heard);
            let Some(length) = self.held.iter().position(|byte| *byte == b'\n') else {
                // The rest of the line is not there yet.
                return heard;
            };
            let line: Vec<u8> = self.held.drain(..=length).collect();
            let words = line.get(self.mark.len()..).unwrap_or_default();
            heard.extend(Said::read(&String::from_utf8_lossy(words)).map(Heard::Said));
        }
        // The beginning of the mark may be here, and its rest still to come.
        let longest = self.mark.len().saturating_sub(1).min(self.held.len());
        let kept = (0..=longest)
            .rev()
            .find(|length| self.held.ends_with(self.mark.get(..*length).unwrap_or_default()));
        self.printed(self.held.len() - kept.unwrap_or(0), &mut heard);
        heard
    }

    fn printed(&mut self, length: usize, heard: &mut Vec<Heard>) {
        let printed: Vec<u8> = self.held.drain(..length).collect();
        if !printed.is_empty() {
            heard.push(Heard::Printed(printed));
        }
    }

    /// What was held back, when nothing more comes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command as Program, Stdio};

    use proptest::prelude::*;

    use super::*;

    fn said(words: &str) -> Said {
        Said::read(words).unwrap()
    }

    #[test]
    fn what_is_said_is_found_however_it_is_cut() {
        let text = b"noise MAR\nMARKbegins\nout MAR\0K MARKnonsense x\n MARKend 3\nlast MARK";
        let all = |chunks: Vec<&[u8]>| {
            let mut listener = Listener::new("MARK");
            let mut printed = Vec::new();
            let mut told = Vec::new();
            for heard in chunks.into_iter().flat_map(|chunk| listener.push(chunk)) {
                match heard {
                    Heard::Printed(bytes) => printed.extend(bytes),
                    Heard::Said(said) => told.push((printed.len(), said)),
                }
            }
            printed.extend(listener.rest());
            (printed, told)
        };
        let whole = all(vec![text]);
        assert_eq!(whole.0, b"noise MAR\nout MAR\0K  last MARK");
        assert_eq!(whole.1, [(10, said("begins")), (21, said("end 3"))]);
        for size in 1..text.len() {
            assert_eq!(all(text.chunks(size).collect()), whole, "by {size}");
        }
    }

    #[test]
    fn the_boot_line_is_nothing_more_between_single_quotes() {
        assert!(!BOOT.contains(['\'', '!', '\n', '\\']));
    }

    #[test]
    fn each_line_is_one() {
        let command = Command {
            argv: vec!["a\nb".to_owned()],
            cwd: Some("x\ny".to_owned()),
            env: [("K".to_owned(), "\n.\n".to_owned())].into_iter().collect(),
            ..Command::default()
        };
        let message = String::from_utf8(message(&command, "MARK").unwrap()).unwrap();
        assert_eq!(message.lines().filter(|line| *line == ".").count(), 1);
        assert!(message.ends_with("\n.\n"));
    }

    /// What a shell that is told this prints.
    fn told(shell: &str, command: &Command) -> Vec<u8> {
        #[expect(
            clippy::disallowed_methods,
            reason = "what a shell makes of it is the question"
        )]
        let mut child = Program::new(shell)
            .args(["-c", BOOT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let message = message(command, "MARK").unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&message).unwrap();
        let printed = child.wait_with_output().unwrap().stdout;
        drop(stdin);
        let rest = printed.strip_prefix(b"MARK begins\n").unwrap();
        rest.strip_suffix(b"MARK end 0\n").unwrap().to_vec()
    }

    fn text() -> impl Strategy<Value = String> {
        // Half of it from what shells make something of.
        let hostile = prop::sample::select(
            "'\"\\$`!#&|;<>(){}[]*?~=%^-\n\t\r \u{1}\u{1b}\u{7f}\u{80}\u{88}\u{81}\u{85}"
                .chars()
                .collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![hostile, any::<char>()], 0..20)
            .prop_map(|chars| chars.into_iter().filter(|c| *c != '\0').collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn every_text_reaches_a_program_as_it_is(arguments in prop::collection::vec(text(), 1..4), value in text(), stdin in any::<Vec<u8>>()) {
            let mut argv = vec!["sh".to_owned(), "-c".to_owned(), "printf '%s\\0' \"$@\" \"$VALUE\"; cat".to_owned(), "sh".to_owned()];
            argv.extend(arguments.iter().cloned());
            let command = Command {
                argv,
                env: [("VALUE".to_owned(), value.clone())].into_iter().collect(),
                stdin: Some(stdin.clone()),
                ..Command::default()
            };
            let mut expected = Vec::new();
            for text in arguments.iter().chain([&value]) {
                expected.extend_from_slice(text.as_bytes());
                expected.push(0);
            }
            expected.extend_from_slice(&stdin);
            for shell in ["/bin/sh", "bash"] {
                prop_assert_eq!(told(shell, &command), expected.clone(), "{}", shell);
            }
        }
    }
}

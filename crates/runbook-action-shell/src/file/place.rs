//! A file in a place: read, written all at once, removed. What does it there are the usual small programs, told by
//! a fixed script and its arguments.

use runbook_action::{Command, End, ErrorKind, Failure, Transport};

/// The largest file that is changed.
const MOST: usize = 16 * 1024 * 1024;

/// Finds out what is to be read or written: `$f`. A link is followed only within its own folder. The exit codes
/// tell why not.
const FIND: &str = r#"
f=$1
d=$(dirname -- "$f")
[ -d "$d" ] || exit 40
if [ -L "$f" ]; then
    [ "$2" = follow ] || exit 42
    t=$(readlink -f -- "$f") || exit 41
    D=$(cd -P -- "$d" && pwd -P) || exit 40
    [ "$(dirname -- "$t")" = "$D" ] || exit 42
    f=$t
fi
if [ -e "$f" ]; then [ -f "$f" ] || exit 43; fi
"#;

/// Prints the permissions and owners on a line of their own, and then what is in the file; nothing if there is none.
const READ: &str = r#"
[ -e "$f" ] || exit 0
[ -r "$f" ] || exit 44
stat -c "%a %u:%g" -- "$f" || exit 45
cat -- "$f"
"#;

/// Writes what it reads, `$3` bytes, with the permissions `$4` and the owner `$5`, where they are given. What was
/// there is there until the last moment, and the new file is on the disk before it takes its place.
const WRITE: &str = r#"
b=$(basename -- "$f")
t=$(mktemp "$d/.$b.XXXXXX") || exit 46
trap 'rm -f -- "$t"' EXIT HUP INT TERM
cat >"$t" || exit 47
[ "$(wc -c <"$t")" -eq "$3" ] || exit 47
if [ -n "$5" ]; then chown -- "$5" "$t" || exit 48; fi
chmod -- "$4" "$t" || exit 48
sync -- "$t" 2>/dev/null || sync
mv -f -T -- "$t" "$f" || exit 49
trap - EXIT HUP INT TERM
sync -- "$d" 2>/dev/null || :
"#;

const REMOVE: &str = r#"
rm -f -- "$f" || exit 49
sync -- "$d" 2>/dev/null || :
"#;

/// A file as it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) bytes: Vec<u8>,
    /// Its permissions, as `chmod` takes them.
    pub(crate) mode: String,
    /// Its owners, as `chown` takes them.
    pub(crate) owner: String,
}

/// A path in a place.
pub(crate) struct Place<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) path: String,
    /// Whether the file is to go: then a link is not followed.
    pub(crate) removes: bool,
}

/// A failure about the path.
fn wrong(kind: ErrorKind, what: &str) -> Failure {
    Failure::new(kind, what).about("path")
}

impl Place<'_> {
    fn command(&self, script: &str, more: &[&str]) -> Command {
        let path = if self.path.starts_with('/') {
            self.path.clone()
        } else {
            format!("./{}", self.path)
        };
        let script = format!("{FIND}{script}");
        let links = if self.removes { "refuse" } else { "follow" };
        let fixed = ["sh", "-c", &script, "sh", &path, links];
        Command::new(fixed.iter().chain(more).copied())
    }

    /// What is there; nothing if there is no such file.
    pub(crate) async fn read(&self) -> Result<Option<Found>, Failure> {
        let most = MOST + 4096;
        let ended = self.transport.output(&self.command(READ, &[]), most).await?;
        Self::judge(&ended.end, &ended.stderr)?;
        let Some(line) = ended.stdout.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let (head, bytes) = ended.stdout.split_at(line + 1);
        let head = String::from_utf8_lossy(head);
        let (mode, owner) = head.trim().split_once(' ').unwrap_or_default();
        if bytes.len() > MOST {
            return Err(wrong(ErrorKind::Other, "is larger than 16 MiB"));
        }
        Ok(Some(Found {
            bytes: bytes.to_vec(),
            mode: mode.to_owned(),
            owner: owner.to_owned(),
        }))
    }

    /// Puts this there, all at once.
    pub(crate) async fn write(&self, file: &Found) -> Result<(), Failure> {
        let length = file.bytes.len().to_string();
        let command = self
            .command(WRITE, &[&length, &file.mode, &file.owner])
            .reads(file.bytes.clone());
        let ended = self
            .transport
            .output(&command, 4096)
            .await
            .map_err(Failure::maybe_applied)?;
        Self::judge(&ended.end, &ended.stderr)
    }

    pub(crate) async fn remove(&self) -> Result<(), Failure> {
        let ended = self
            .transport
            .output(&self.command(REMOVE, &[]), 4096)
            .await
            .map_err(Failure::maybe_applied)?;
        Self::judge(&ended.end, &ended.stderr)
    }

    fn judge(end: &End, stderr: &[u8]) -> Result<(), Failure> {
        let code = match end {
            End::Code(0) => return Ok(()),
            End::Code(code) => Some(*code),
            End::Signal { .. } => None,
        };
        let said = String::from_utf8_lossy(stderr);
        let last = said
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        let reason = crate::output::one_line(last);
        let kind = if said.contains("ermission denied") || said.contains("not permitted") {
            ErrorKind::Forbidden
        } else {
            ErrorKind::Other
        };
        Err(match code {
            Some(40) => wrong(ErrorKind::NotFound, "is in a directory that does not exist")
                .help("make the directory first"),
            Some(41) => wrong(ErrorKind::NotFound, "is a link that leads nowhere"),
            Some(42) => wrong(ErrorKind::Conflict, "is a link that leads out of its folder")
                .help("name the file that it leads to"),
            Some(43) => wrong(ErrorKind::Conflict, "is no file"),
            Some(44) => wrong(ErrorKind::Forbidden, "may not be read"),
            Some(48) => Failure::new(kind, format!("its mode or owner cannot be set: {reason}")),
            Some(46 | 47) => wrong(kind, &format!("cannot be written: {reason}")),
            Some(_) => wrong(kind, &format!("cannot be changed: {reason}")),
            None => {
                Failure::new(ErrorKind::Other, format!("what changes the file was {end}")).maybe_applied()
            }
        })
    }
}

//! The connection, from its parameters.

use std::path::Path;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runbook_action::schema::duration::parse_duration;
use runbook_action::{Connection, Failure, Segment, Text};

use crate::tls::Tls;

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a connection says.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) kind: Database,
    /// The URL, with the password in it.
    pub(crate) url: String,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) read_only: bool,
    /// That it must be encrypted, and how.
    pub(crate) tls: Option<Tls>,
}

/// The databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Postgres,
    /// `MySQL` or MariaDB.
    Mysql,
    Sqlite,
}

impl Address {
    /// Reads it. The names of files start at `root`.
    pub(crate) async fn read(connection: &Connection, root: &Path) -> Result<Self, Failure> {
        let args = connection.args();
        let sql = args.require("sql")?;
        let url = url(&sql.text()?);
        let scheme = url.split(':').next().unwrap_or_default();
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" => Database::Postgres,
            "sqlite" => Database::Sqlite,
            "mysql" | "mariadb" => Database::Mysql,
            _ => {
                return Err(sql
                    .wrong("is not the URL of a database that is known here")
                    .help("begin it with `postgres://`, `mysql://` or `sqlite:`"));
            }
        };
        let statement_timeout = match args.get("statement_timeout") {
            Some(timeout) => Some(
                parse_duration(&timeout.text()?.reveal())
                    .filter(|timeout| !timeout.is_zero())
                    .ok_or_else(|| timeout.wrong("expected a length of time such as `30s`"))?,
            ),
            None => None,
        };
        let read_only = match args.get("read_only") {
            Some(read_only) => read_only.boolean()?,
            None => false,
        };
        let tls = match args.get("tls") {
            Some(tls) if kind == Database::Sqlite => {
                return Err(tls.wrong("a file has no connection that could be encrypted"));
            }
            Some(tls) => Some(Tls::read(&tls, root).await?),
            None => None,
        };
        Ok(Self {
            kind,
            url,
            statement_timeout,
            read_only,
            tls,
        })
    }
}

/// The URL; a value at its beginning is the URL itself, and any other is one part of it.
fn url(text: &Text) -> String {
    let encode = |value: &str| utf8_percent_encode(value, RESERVED).to_string();
    let first = match text.segments().first() {
        Some(Segment::Value(url)) => url.as_str(),
        Some(Segment::Secret(url)) => url.reveal(),
        Some(Segment::Literal(_) | Segment::Unknown(_)) | None => return text.map_segments(encode),
    };
    let rest = text.segments().get(1..).unwrap_or_default().to_vec();
    format!("{first}{}", Text::from_segments(rest).map_segments(encode))
}

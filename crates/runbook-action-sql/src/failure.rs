//! From errors of a database to the kinds that a runbook can ask for.

use std::io;

use crate::relay::Unreached;
use runbook_action::{Call, ErrorKind, Failure};
use rustls::CertificateError;
use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;

/// The way out where a connection may only read.
pub(crate) const READ_ONLY: &str = "the connection is `read_only`: use another one for changes";

/// Where the error comes from, for messages: `127.0.0.1:5432/mcp`. Never with a password.
pub(crate) struct Place<'a> {
    pub(crate) shown: String,
    pub(crate) call: Call<'a>,
}

impl Place<'_> {
    /// What went wrong before the statement was sent.
    pub(crate) fn not_connected(&self, error: &sqlx::Error) -> Failure {
        let shown = &self.shown;
        let failure = self.failure(error);
        match failure.kind {
            ErrorKind::Refused => Failure {
                message: format!("nobody listens at `{shown}`"),
                ..failure
            },
            ErrorKind::Dns => Failure {
                message: format!("the name of `{shown}` cannot be resolved"),
                ..failure
            },
            ErrorKind::Timeout => Failure {
                message: format!("`{shown}` did not answer in time"),
                ..failure
            },
            ErrorKind::Unreachable
            | ErrorKind::Tls
            | ErrorKind::Auth
            | ErrorKind::MissingProgram
            | ErrorKind::Protocol
            | ErrorKind::NotFound
            | ErrorKind::Forbidden
            | ErrorKind::Conflict
            | ErrorKind::Cancelled
            | ErrorKind::Other => Failure {
                message: format!("no connection to `{shown}`: {}", failure.message),
                ..failure
            },
        }
    }

    /// What went wrong with the statement. A database that answers with an error has undone the statement; if the
    /// connection was lost, nobody knows.
    pub(crate) fn failed(&self, error: &sqlx::Error, only_reads: bool) -> Failure {
        let failure = self.failure(error);
        let is_answered = error.as_database_error().is_some() && failure.kind != ErrorKind::Unreachable;
        if is_answered || only_reads {
            failure
        } else {
            failure.maybe_applied()
        }
    }

    fn failure(&self, error: &sqlx::Error) -> Failure {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the library's list is open")]
        let mut failure = match error {
            sqlx::Error::Database(error) => of_database(error.as_ref()),
            sqlx::Error::Io(error) => of_io(error),
            sqlx::Error::Tls(error) => Failure::new(ErrorKind::Tls, error.to_string()),
            sqlx::Error::Protocol(text) => Failure::new(ErrorKind::Protocol, text.clone()),
            sqlx::Error::PoolTimedOut => Failure::new(ErrorKind::Timeout, "no answer in time"),
            sqlx::Error::Configuration(error) => of_place(error.as_ref()),
            sqlx::Error::WorkerCrashed => Failure::new(ErrorKind::Unreachable, "the connection is gone"),
            error => Failure::new(ErrorKind::Other, error.to_string()),
        };
        failure.message = self.call.mask(failure.message.trim_end_matches('.'));
        failure.help = failure.help.map(|help| self.call.mask(&help));
        failure
    }
}

/// Why another place does not lead to the server.
fn of_place(error: &(dyn std::error::Error + 'static)) -> Failure {
    let place = error.downcast_ref::<Unreached>();
    place.map_or_else(
        || Failure::new(ErrorKind::Other, error.to_string()),
        |Unreached(failure)| failure.clone(),
    )
}

fn of_io(error: &io::Error) -> Failure {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(tls) = inner else {
        return Failure::new(kind_of_io(error), error.to_string());
    };
    let failure = Failure::new(ErrorKind::Tls, tls.to_string());
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's list is open")]
    match tls {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            failure.help("name the file with the certificate of its authority under `tls.ca`")
        }
        _ => failure,
    }
}

fn kind_of_io(error: &io::Error) -> ErrorKind {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the standard library's list is open"
    )]
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
        io::ErrorKind::TimedOut => ErrorKind::Timeout,
        // The standard library has no kind for it.
        _ if error.to_string().contains("failed to lookup address") => ErrorKind::Dns,
        _ => ErrorKind::Unreachable,
    }
}

/// Why a file cannot be read.
pub(crate) fn kind_of_file(error: &io::Error) -> ErrorKind {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the standard library's list is open"
    )]
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::Forbidden,
        _ => ErrorKind::Other,
    }
}

fn of_database(error: &dyn DatabaseError) -> Failure {
    let code = error.code().unwrap_or_default().into_owned();
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return of_mysql(error);
    }
    let Some(postgres) = error.try_downcast_ref::<PgDatabaseError>() else {
        let failure = Failure::new(sqlite_kind(&code), error.message());
        return if code == "8" {
            failure.help("the connection is `read_only`")
        } else {
            failure
        };
    };
    let mut message = format!("{} (SQLSTATE {code})", postgres.message());
    if let Some(detail) = postgres.detail() {
        message.push_str(": ");
        message.push_str(detail);
    }
    let kind = match code.as_str() {
        "57014" if postgres.message().contains("timeout") => ErrorKind::Timeout,
        code => postgres_kind(code),
    };
    let failure = Failure::new(kind, message);
    match (postgres.hint(), help(&code)) {
        (Some(hint), _) => failure.help(hint),
        (None, Some(help)) => failure.help(help),
        (None, None) => failure,
    }
}

fn of_mysql(error: &MySqlDatabaseError) -> Failure {
    let number = error.number();
    let message = format!("{} (error {number})", error.message().trim_end_matches('.'));
    let failure = Failure::new(mysql_kind(number, error.code().unwrap_or_default()), message);
    match number {
        1040 | 1203 => failure.help("end sessions that are not needed"),
        1290 | 1792 | 1836 => failure.help(READ_ONLY),
        _ => failure,
    }
}

/// The class of an error of `MySQL` and MariaDB: by its number, else by its SQLSTATE.
fn mysql_kind(number: u16, code: &str) -> ErrorKind {
    match (number, code) {
        (1045 | 1130 | 1251 | 1698 | 1820 | 1862 | 4151, _) | (_, "28000") => ErrorKind::Auth,
        (1044 | 1095 | 1142 | 1143 | 1227 | 1290 | 1370 | 1792 | 1836, _) => ErrorKind::Forbidden,
        (1049 | 1051 | 1054 | 1091 | 1094 | 1109 | 1146 | 1305 | 4162, _) => ErrorKind::NotFound,
        (1969 | 3024, _) => ErrorKind::Timeout,
        (1205 | 1213, _) => ErrorKind::Conflict,
        // The server or somebody at it ends the session.
        (1053 | 1077 | 1079 | 1927 | 3169, _) => ErrorKind::Unreachable,
        (_, code) if code.starts_with("23") => ErrorKind::Conflict,
        (_, code) if code.starts_with("08") => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    }
}

/// The class of an SQLSTATE.
fn postgres_kind(code: &str) -> ErrorKind {
    match code {
        "28000" | "28P01" => ErrorKind::Auth,
        "3D000" | "42P01" | "42704" | "42883" | "42703" | "3F000" => ErrorKind::NotFound,
        "42501" | "25006" => ErrorKind::Forbidden,
        "57P01" | "57P02" | "57P03" | "57P05" => ErrorKind::Unreachable,
        "25P03" | "57P04" => ErrorKind::Timeout,
        "40001" | "40P01" | "55P03" | "55006" => ErrorKind::Conflict,
        code if code.starts_with("23") => ErrorKind::Conflict,
        code if code.starts_with("08") => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    }
}

fn help(code: &str) -> Option<&'static str> {
    match code {
        "53300" => {
            Some("end sessions that are not needed, or connect as a role for which slots are reserved")
        }
        "25006" => Some(READ_ONLY),
        "42883" | "42804" => Some("cast the value where it is bound, for example `:name::int`"),
        "25001" => {
            Some("leave `max_rows` and `read_only` out: this statement cannot be part of a transaction")
        }
        _ => None,
    }
}

/// The class of an extended result code of SQLite, whose last byte is the primary one.
fn sqlite_kind(code: &str) -> ErrorKind {
    match code.parse::<u32>().unwrap_or_default() & 0xff {
        3 | 8 | 23 => ErrorKind::Forbidden,
        5 | 6 | 19 => ErrorKind::Conflict,
        9 => ErrorKind::Timeout,
        14 => ErrorKind::NotFound,
        26 => ErrorKind::Protocol,
        _ => ErrorKind::Other,
    }
}

//! The table `code_chunks`: its rows, and the search in it.

use serde::Serialize;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _};

use super::database::Connection;

/// Paths and contents of the rows that a new table gets.
const ROWS: [(&str, &str); 12] = [
    (
        "src/server.rs",
        "fn serve(listener: TcpListener) starts the server and answers health checks",
    ),
    (
        "src/search.rs",
        "fn search(query: &str) runs a full text search over the indexed chunks",
    ),
    (
        "src/search/rank.rs",
        "fn rank(results: &mut [Chunk]) sorts search results by their score",
    ),
    (
        "src/index.rs",
        "fn index(repository: &Path) splits files in chunks and stores them",
    ),
    (
        "src/index/walk.rs",
        "fn walk(root: &Path) lists the files of a repository, without ignored ones",
    ),
    (
        "src/pool.rs",
        "fn resize(max_size: u32) changes the limit of the connection pool",
    ),
    (
        "src/pool/stats.rs",
        "fn utilization(&self) -> f64 divides the connections in use by the pool size",
    ),
    (
        "src/health.rs",
        "fn status(&self) -> Status reports the pool and the database",
    ),
    (
        "src/config.rs",
        "fn load(path: &Path) reads the configuration and its defaults",
    ),
    (
        "src/metrics.rs",
        "fn render(&self) -> String writes the metrics as text",
    ),
    (
        "tests/search.rs",
        "#[test] fn a_test_search_finds_the_right_chunk()",
    ),
    (
        "tests/pool.rs",
        "#[test] fn an_exhausted_pool_lets_requests_wait()",
    ),
];

/// Any number that nobody else locks: two systems that start on one database make the table one by one.
const LOCK: i64 = 0x636f_6465_6d63_7001;

/// A row that a search found.
#[derive(Serialize)]
pub(super) struct Chunk {
    path: String,
    content: String,
}

pub(super) async fn fill_sqlite(options: &SqliteConnectOptions) -> sqlx::Result<()> {
    let mut session = options.connect().await?;
    let mut transaction = session.begin().await?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS code_chunks
         (id INTEGER PRIMARY KEY, path TEXT NOT NULL, content TEXT NOT NULL)",
    )
    .execute(&mut *transaction)
    .await?;
    for (path, content) in ROWS {
        sqlx::query("INSERT INTO code_chunks (path, content) VALUES ($1, $2)")
            .bind(path)
            .bind(content)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    session.close().await
}

/// Leaves a table that is there, with its rows, as it is.
pub(super) async fn fill_postgres(session: &mut PgConnection) -> sqlx::Result<()> {
    let mut transaction = session.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await?;
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('code_chunks') IS NOT NULL")
        .fetch_one(&mut *transaction)
        .await?;
    if !exists {
        sqlx::query(
            "CREATE TABLE code_chunks
             (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, path text NOT NULL, content text NOT NULL)",
        )
        .execute(&mut *transaction)
        .await?;
        let (paths, contents): (Vec<_>, Vec<_>) = ROWS.into_iter().unzip();
        sqlx::query("INSERT INTO code_chunks (path, content) SELECT * FROM unnest($1::text[], $2::text[])")
            .bind(paths)
            .bind(contents)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// Finds chunks that contain one of the words of the query.
pub(super) async fn search(connection: &mut Connection, query: &str) -> sqlx::Result<Vec<Chunk>> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let rows: Vec<(String, String)> = match connection {
        Connection::Sqlite(connection) => {
            sqlx::query_as(
                "SELECT path, content FROM code_chunks
                 WHERE EXISTS (SELECT 1 FROM json_each($1) WHERE instr(lower(content), value) > 0)
                 ORDER BY path LIMIT 10",
            )
            .bind(sqlx::types::Json(words))
            .fetch_all(&mut **connection)
            .await?
        }
        Connection::Postgres(connection) => {
            sqlx::query_as(
                "SELECT path, content FROM code_chunks
                 WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) AS word WHERE strpos(lower(content), word) > 0)
                 ORDER BY path LIMIT 10",
            )
            .bind(words)
            .fetch_all(&mut **connection)
            .await?
        }
    };
    Ok(rows
        .into_iter()
        .map(|(path, content)| Chunk { path, content })
        .collect())
}

//! Each shipped runbook of codebase-mcp against real parts, with its fault really there.

mod database;
mod pool;
mod recovery;
mod server;
mod slow;

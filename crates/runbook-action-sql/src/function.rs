//! Functions that act although they are called in a SELECT.

use runbook_action::Effect;

/// Functions that end or destroy something.
const DESTRUCTIVE: [&str; 6] = [
    "pg_terminate_backend",
    "pg_drop_replication_slot",
    "pg_replication_slot_advance",
    "pg_truncate_visibility_map",
    "lo_unlink",
    "pg_file_unlink",
];

/// Functions that change something, by their names.
const CHANGE: [&str; 33] = [
    "nextval",
    "setval",
    "set_config",
    "pg_cancel_backend",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "pg_switch_wal",
    "pg_promote",
    "pg_create_restore_point",
    "pg_notify",
    "pg_logical_emit_message",
    "pg_log_backend_memory_contexts",
    "pg_stat_statements_reset",
    "pg_wal_replay_pause",
    "pg_wal_replay_resume",
    "pg_create_physical_replication_slot",
    "pg_create_logical_replication_slot",
    "pg_copy_physical_replication_slot",
    "pg_copy_logical_replication_slot",
    "pg_logical_slot_get_changes",
    "pg_logical_slot_get_binary_changes",
    "pg_backup_start",
    "pg_backup_stop",
    "pg_start_backup",
    "pg_stop_backup",
    "pg_file_write",
    "pg_file_rename",
    "pg_import_system_collations",
    "load_extension",
    "writefile",
    "get_lock",
    "release_lock",
    "release_all_locks",
];

/// Beginnings of names of functions that change something.
const FAMILIES: [&str; 6] = [
    "pg_advisory_",
    "pg_try_advisory_",
    "lo_",
    "dblink",
    "pg_stat_reset",
    "pg_replication_origin_",
];

/// What calling this function does, if it is known to act.
pub(crate) fn effect(name: &str) -> Option<Effect> {
    let name = name.to_ascii_lowercase();
    let name = name.as_str();
    if DESTRUCTIVE.contains(&name) {
        Some(Effect::Destructive)
    } else if CHANGE.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family)) {
        Some(Effect::Change)
    } else {
        None
    }
}

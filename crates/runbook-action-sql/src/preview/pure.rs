//! The functions and types that are known to do nothing but give a value.
//!
//! Whether the database has others of the same name is asked there; here is only what the name promises.

use super::plain::Dialect;

/// Known on each database.
const EVERYWHERE: [&str; 34] = [
    "abs",
    "avg",
    "ceil",
    "ceiling",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "dense_rank",
    "first_value",
    "floor",
    "lag",
    "last_value",
    "lead",
    "length",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nullif",
    "power",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sqrt",
    "substr",
    "substring",
    "sum",
    "trim",
    "upper",
];

const POSTGRES: [&str; 67] = [
    "age",
    "array_agg",
    "array_append",
    "array_length",
    "array_position",
    "array_remove",
    "array_to_string",
    "bool_and",
    "bool_or",
    "btrim",
    "cardinality",
    "char_length",
    "character_length",
    "chr",
    "clock_timestamp",
    "current_date",
    "current_time",
    "current_timestamp",
    "date_part",
    "date_trunc",
    "decode",
    "encode",
    "every",
    "exp",
    "extract",
    "format",
    "gen_random_uuid",
    "generate_series",
    "greatest",
    "initcap",
    "json_build_object",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_set",
    "jsonb_strip_nulls",
    "least",
    "left",
    "ln",
    "localtime",
    "localtimestamp",
    "log",
    "lpad",
    "make_date",
    "make_interval",
    "md5",
    "now",
    "octet_length",
    "overlay",
    "position",
    "random",
    "regexp_replace",
    "repeat",
    "reverse",
    "right",
    "rpad",
    "split_part",
    "starts_with",
    "string_agg",
    "string_to_array",
    "strpos",
    "to_char",
    "to_date",
    "to_timestamp",
    "trunc",
    "unnest",
];

const MARIADB: [&str; 39] = [
    "ascii",
    "char_length",
    "character_length",
    "crc32",
    "curdate",
    "current_date",
    "current_time",
    "current_timestamp",
    "curtime",
    "date",
    "date_add",
    "date_format",
    "date_sub",
    "datediff",
    "day",
    "from_unixtime",
    "greatest",
    "group_concat",
    "hour",
    "if",
    "ifnull",
    "instr",
    "json_extract",
    "json_object",
    "json_unquote",
    "json_value",
    "least",
    "left",
    "locate",
    "lpad",
    "md5",
    "minute",
    "month",
    "now",
    "right",
    "rpad",
    "unix_timestamp",
    "utc_timestamp",
    "year",
];

const SQLITE: [&str; 25] = [
    "changes",
    "char",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_extract",
    "json_object",
    "json_set",
    "julianday",
    "printf",
    "quote",
    "random",
    "strftime",
    "time",
    "typeof",
    "unixepoch",
];

/// Types to which something may be cast: those that come with the database.
const TYPES: [&str; 48] = [
    "bigint",
    "binary",
    "bit",
    "bit varying",
    "blob",
    "bool",
    "boolean",
    "bytea",
    "char",
    "char varying",
    "character",
    "character varying",
    "cidr",
    "date",
    "datetime",
    "dec",
    "decimal",
    "double",
    "double precision",
    "float",
    "float4",
    "float8",
    "inet",
    "int",
    "int2",
    "int4",
    "int8",
    "integer",
    "interval",
    "json",
    "jsonb",
    "macaddr",
    "numeric",
    "real",
    "signed",
    "signed integer",
    "smallint",
    "text",
    "time",
    "time with time zone",
    "time without time zone",
    "timestamp",
    "timestamp with time zone",
    "timestamp without time zone",
    "timestamptz",
    "unsigned",
    "uuid",
    "varchar",
];

/// Whether a function of this name is known to do nothing but give a value.
pub(super) fn is_known(name: &str, dialect: Dialect) -> bool {
    let own: &[&str] = match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Mariadb => &MARIADB,
        Dialect::Sqlite => &SQLITE,
    };
    EVERYWHERE.contains(&name) || own.contains(&name)
}

/// Whether this type, as it is written, comes with the database: `VARCHAR(20)[]`.
pub(super) fn is_own_type(written: &str) -> bool {
    let mut depth = 0_usize;
    let mut bare = String::new();
    for sign in written.chars() {
        match sign {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => bare.extend(sign.to_lowercase()),
            _ => {}
        }
    }
    let words: Vec<&str> = bare.split_whitespace().collect();
    TYPES.contains(&words.join(" ").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_whatever_its_size() {
        for known in [
            "INT",
            "varchar(20)",
            "TIMESTAMP(3) WITH TIME ZONE",
            "text[]",
            "NUMERIC(5,2)[][]",
        ] {
            assert!(is_own_type(known), "{known}");
        }
        for other in ["mood", "\"int\"", "public.int4", "regclass", ""] {
            assert!(!is_own_type(other), "{other}");
        }
    }

    #[test]
    fn what_acts_is_on_no_list() {
        for dialect in [Dialect::Postgres, Dialect::Mariadb, Dialect::Sqlite] {
            for name in EVERYWHERE.iter().chain(&POSTGRES).chain(&MARIADB).chain(&SQLITE) {
                assert_eq!(crate::function::effect(name), None, "{name}");
            }
            for name in [
                "nextval",
                "setval",
                "pg_notify",
                "sleep",
                "get_lock",
                "load_extension",
            ] {
                assert!(!is_known(name, dialect), "{name}");
            }
        }
    }
}

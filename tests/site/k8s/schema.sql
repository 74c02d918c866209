-- What the service keeps. `is_open` costs its caller half a millisecond, so what reads all rows is slow.
CREATE EXTENSION pg_stat_statements;
CREATE FUNCTION is_open(title text) RETURNS boolean LANGUAGE plpgsql STABLE COST 1
    AS $$ BEGIN PERFORM pg_sleep(0.0005); RETURN title <> ''; END $$;
CREATE TABLE assignments (id serial PRIMARY KEY, title text NOT NULL, assignee text NOT NULL, created_at timestamptz NOT NULL);
INSERT INTO assignments (title, assignee, created_at)
    SELECT 'assignment ' || n, 'user' || n % 500, now() - n * interval '1 minute' FROM generate_series(1, 2000) n;
CREATE INDEX idx_assignments_assignee ON assignments (assignee);
CREATE INDEX idx_assignments_created_at ON assignments (created_at);
ANALYZE assignments;
GRANT SELECT ON assignments TO mcp_app;

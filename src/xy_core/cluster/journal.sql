CREATE SCHEMA IF NOT EXISTS xy_journal;
CREATE TABLE xy_journal.schema_version (version INTEGER NOT NULL);
CREATE TABLE xy_journal.engine (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- never used again, by whatever process
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    version TEXT NOT NULL,      -- of xy-core
    started_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    seen_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    leased_until TIMESTAMPTZ NOT NULL  -- from then on others may take what it has
);
CREATE TABLE xy_journal.task (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,         -- under which its function is registered
    arguments TEXT NOT NULL,    -- a JSON object; text, since JSONB knows no \u0000
    key TEXT,                   -- idempotency key: one task of a name for each
    schedule TEXT,              -- the periodic task whose run it is
    priority INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 4),
    status TEXT NOT NULL CHECK (status IN ('waiting', 'done', 'dead')),
    attempts INTEGER NOT NULL,  -- those that failed or went down with their engine
    created_at DOUBLE PRECISION NOT NULL,  -- this and the others: seconds since the epoch
    due_at DOUBLE PRECISION NOT NULL,      -- not run before
    ended_at DOUBLE PRECISION,
    result TEXT,                -- JSON
    error TEXT,                 -- the last one
    owner BIGINT,               -- the engine that has claimed it
    UNIQUE (name, key)
);
CREATE INDEX task_free ON xy_journal.task (name, priority DESC, created_at, id)
    WHERE status = 'waiting' AND owner IS NULL;
CREATE INDEX task_claimed ON xy_journal.task (owner) WHERE owner IS NOT NULL;
CREATE INDEX task_done ON xy_journal.task (ended_at) WHERE status = 'done';
CREATE INDEX task_dead ON xy_journal.task (ended_at) WHERE status = 'dead';
CREATE INDEX task_of_schedule ON xy_journal.task (schedule)
    WHERE schedule IS NOT NULL AND status = 'waiting';
CREATE TABLE xy_journal.schedule (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL,   -- JSON
    began_at DOUBLE PRECISION NOT NULL,  -- intervals are counted from here
    last_due DOUBLE PRECISION NOT NULL   -- up to here everything has been run or passed over
);

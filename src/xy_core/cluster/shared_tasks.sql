CREATE TABLE IF NOT EXISTS xy_task (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL,         -- under which its function is registered
    arguments JSONB NOT NULL,   -- the function's keyword arguments
    key TEXT,                   -- idempotency key: one task of a name for each
    status TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'done', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    owner TEXT,                 -- the engine that runs it
    leased_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',  -- nobody else takes it before
    result JSONB,
    error TEXT,
    UNIQUE (name, key)
);
CREATE INDEX IF NOT EXISTS xy_task_waiting ON xy_task (name, leased_until, id)
    WHERE status = 'waiting';
CREATE TABLE IF NOT EXISTS xy_schedule (
    name TEXT PRIMARY KEY,
    last_due TIMESTAMPTZ NOT NULL  -- up to here every run was put among the tasks
);

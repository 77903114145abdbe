-- Processes that open a new file together all run this, one after another.
CREATE TABLE IF NOT EXISTS task (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,         -- under which its function is registered
    arguments TEXT NOT NULL,    -- a JSON object
    key TEXT,                   -- idempotency key: one task of a name for each
    schedule TEXT,              -- the periodic task whose run it is
    priority INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'done', 'dead')),
    attempts INTEGER NOT NULL,  -- those that failed or went down with their process
    created_at REAL NOT NULL,   -- this and the others: seconds since the epoch
    due_at REAL NOT NULL,       -- not run before
    ended_at REAL,
    result TEXT,                -- JSON
    error TEXT                  -- the last one
);
CREATE UNIQUE INDEX IF NOT EXISTS task_of_key ON task (name, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS task_waiting ON task (name, priority DESC, id) WHERE status = 'waiting';
CREATE INDEX IF NOT EXISTS task_done ON task (ended_at) WHERE status = 'done';
CREATE INDEX IF NOT EXISTS task_dead ON task (ended_at) WHERE status = 'dead';
CREATE INDEX IF NOT EXISTS task_of_schedule ON task (schedule)
    WHERE schedule IS NOT NULL AND status = 'waiting';

CREATE TABLE IF NOT EXISTS schedule (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL,   -- JSON
    began_at REAL NOT NULL,     -- intervals are counted from here
    last_due REAL NOT NULL      -- up to here everything has been run or passed over
) WITHOUT ROWID;

-- Version 3: what is known of facts, and memories that any embedder may take. Also run on older files.
CREATE TABLE IF NOT EXISTS fact (
    id INTEGER PRIMARY KEY,    -- memory.id
    person TEXT NOT NULL,
    folded TEXT NOT NULL,      -- the words alone, to find the same fact again
    topic TEXT NOT NULL,
    confidence REAL NOT NULL,
    speaker TEXT NOT NULL,
    source INTEGER,            -- memory.id of the turn
    confirmed REAL NOT NULL,
    superseded REAL,           -- NULL while it holds
    successor INTEGER          -- memory.id of the fact that took its place
);
INSERT OR IGNORE INTO fact
    SELECT id, person, lower(text), '', 1.0, person, NULL, time, NULL, NULL
    FROM memory WHERE role = 'fact';
CREATE INDEX IF NOT EXISTS fact_of_person ON fact (person, superseded);
CREATE INDEX IF NOT EXISTS fact_by_source ON fact (source) WHERE source IS NOT NULL;
CREATE INDEX IF NOT EXISTS fact_by_successor ON fact (successor) WHERE successor IS NOT NULL;

DROP VIEW IF EXISTS turn;
DROP VIEW IF EXISTS knowledge;
CREATE VIEW turn AS SELECT * FROM memory WHERE role IN ('user', 'assistant');
-- What the assistant said is no knowledge about the person, and neither is what holds no more.
CREATE VIEW knowledge AS SELECT * FROM memory WHERE role IN ('user', 'fact');
DROP INDEX IF EXISTS memory_without_vector;
CREATE INDEX IF NOT EXISTS memory_to_embed ON memory (english, id)
    WHERE vector IS NULL AND role IN ('user', 'fact');
CREATE INDEX IF NOT EXISTS memory_by_time ON memory (person, time);
-- How many memories have each word: common words cost a search much and tell it little.
CREATE VIRTUAL TABLE IF NOT EXISTS word_count USING fts5vocab (word, row);

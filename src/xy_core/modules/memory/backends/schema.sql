-- Processes that open a new file together all run this, one after another.
CREATE TABLE IF NOT EXISTS memory (
    id INTEGER PRIMARY KEY,
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    time REAL NOT NULL,
    emotion TEXT,
    english INTEGER NOT NULL,  -- whether the embedder understands it
    vector BLOB                -- 384 little-endian float32 of length 1; NULL until embedded
);
CREATE TABLE IF NOT EXISTS embedder (model TEXT NOT NULL);  -- one row at most: whose vectors these are
CREATE VIEW IF NOT EXISTS turn AS SELECT * FROM memory WHERE role != 'fact';
-- What the assistant said is no knowledge about the person.
CREATE VIEW IF NOT EXISTS knowledge AS SELECT * FROM memory WHERE role != 'assistant';
CREATE INDEX IF NOT EXISTS memory_of_person ON memory (person, id, role);
CREATE INDEX IF NOT EXISTS memory_without_vector ON memory (id) WHERE english AND vector IS NULL;

-- rowid is memory.id; content is the text with each Chinese character as a word of its own.
CREATE VIRTUAL TABLE IF NOT EXISTS word USING fts5 (content, tokenize = 'porter unicode61 remove_diacritics 2');

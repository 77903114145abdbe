CREATE TABLE memory (
    id INTEGER PRIMARY KEY,
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    time REAL NOT NULL,
    emotion TEXT,
    english INTEGER NOT NULL,  -- whether the embedder understands it
    vector BLOB                -- 384 little-endian float32 of length 1; NULL until embedded
);
CREATE VIEW turn AS SELECT * FROM memory WHERE role != 'fact';
-- What the assistant said is no knowledge about the person.
CREATE VIEW knowledge AS SELECT * FROM memory WHERE role != 'assistant';
CREATE INDEX memory_of_person ON memory (person, id);
CREATE INDEX memory_without_vector ON memory (id) WHERE english AND vector IS NULL;

-- rowid is memory.id; content is the text with each Chinese character as a word of its own.
CREATE VIRTUAL TABLE word USING fts5 (content, tokenize = 'porter unicode61 remove_diacritics 2');

-- Memories in PostgreSQL; the transaction that runs this holds a lock, so that two may begin together.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE SCHEMA IF NOT EXISTS xy_memory;
SET LOCAL search_path = xy_memory, public;
CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS embedder (model TEXT NOT NULL);  -- one row at most
CREATE TABLE IF NOT EXISTS memory (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person TEXT NOT NULL,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    emotion TEXT,
    english BOOLEAN NOT NULL,
    vector vector,             -- of length 1; NULL until embedded
    -- Each Chinese character is a word of its own in what the index is given.
    words TSVECTOR NOT NULL
);
CREATE TABLE IF NOT EXISTS fact (
    id BIGINT PRIMARY KEY REFERENCES memory ON DELETE CASCADE,
    person TEXT NOT NULL,
    folded TEXT NOT NULL,
    topic TEXT NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    speaker TEXT NOT NULL,
    source BIGINT REFERENCES memory ON DELETE SET NULL,
    confirmed DOUBLE PRECISION NOT NULL,
    superseded DOUBLE PRECISION,
    successor BIGINT REFERENCES memory ON DELETE SET NULL
);
CREATE TABLE IF NOT EXISTS mood (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person TEXT NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    emotion TEXT NOT NULL,
    intensity DOUBLE PRECISION NOT NULL,
    valence DOUBLE PRECISION NOT NULL,
    arousal DOUBLE PRECISION NOT NULL,
    mood TEXT NOT NULL,
    sources TEXT NOT NULL,
    topic TEXT NOT NULL,
    crisis BOOLEAN NOT NULL
);
CREATE INDEX IF NOT EXISTS memory_of_person ON memory (person, id);
CREATE INDEX IF NOT EXISTS memory_by_words ON memory USING gin (words);
CREATE INDEX IF NOT EXISTS memory_to_embed ON memory (english, id) WHERE vector IS NULL;
CREATE INDEX IF NOT EXISTS fact_of_person ON fact (person);
CREATE INDEX IF NOT EXISTS fact_by_source ON fact (source);
CREATE INDEX IF NOT EXISTS fact_by_successor ON fact (successor);
CREATE INDEX IF NOT EXISTS mood_of_person ON mood (person, time);

-- Version 2: what people felt, when. Also run on files of version 1.
CREATE TABLE IF NOT EXISTS mood (
    id INTEGER PRIMARY KEY,
    person TEXT NOT NULL,
    time REAL NOT NULL,
    emotion TEXT NOT NULL,
    intensity REAL NOT NULL,
    valence REAL NOT NULL,
    arousal REAL NOT NULL,
    mood TEXT NOT NULL,        -- JSON: how much of each emotion
    sources TEXT NOT NULL,     -- JSON: a list of modalities
    topic TEXT NOT NULL,
    crisis INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS mood_of_person ON mood (person, time);
CREATE INDEX IF NOT EXISTS memory_by_emotion ON memory (person, emotion, id);

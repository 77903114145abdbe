"""Adapters to SQLite and to the sentence embedder."""

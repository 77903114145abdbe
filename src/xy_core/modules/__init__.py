"""The capabilities: language, speech, sight, memory, emotion. Each knows the core, none another."""

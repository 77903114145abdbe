"""The agent's own endpoints: turns, emotion, memory."""

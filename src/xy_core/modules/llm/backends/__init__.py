"""Engines of the llm module, one library a file."""

"""Engines of the voice module, one library a file."""

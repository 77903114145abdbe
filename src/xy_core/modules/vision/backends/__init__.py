"""Adapters to readers of text."""

"""Adapters to engines that make pictures."""

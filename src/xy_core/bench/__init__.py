"""Measurements of xy-core beside its peers: ratios of figures taken in one run."""

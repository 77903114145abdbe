"""How good what we ship is, measured on public test sets."""

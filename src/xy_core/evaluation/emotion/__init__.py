"""How well emotions are read."""

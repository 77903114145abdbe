"""Makes what the memory module ships: the graph of its multilingual encoder, and its means."""

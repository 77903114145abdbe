"""The core: engine, bus and scheduler. It knows nothing of AI."""

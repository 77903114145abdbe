"""xy-core: a local-first runtime for emotional, multimodal AI agents."""

__version__ = "0.1.0"

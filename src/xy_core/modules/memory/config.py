"""Settings of the memory module."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from pydantic import Field, SecretStr

from xy_core.core.config import StrictModel


class EmbeddingServer(StrictModel):
    """A server that speaks OpenAI's embeddings protocol."""

    url: str = Field(
        "http://127.0.0.1:11434/v1",
        pattern="^https?://",
        description="Its base address; /embeddings is added.",
    )
    model: str = Field("nomic-embed-text", min_length=1, description="The model it shall use.")
    key: SecretStr | None = Field(None, description="Its API key, if it wants one.")
    timeout: float = Field(30.0, gt=0, description="Seconds for one request.")


class RetentionConfig(StrictModel):
    """What is let go by itself; `max_turns` holds beside it."""

    days: float | None = Field(None, gt=0, description="Age at which turns and moods go.")
    facts: int | None = Field(None, ge=1, description="Facts kept for each person.")
    interval: float = Field(3600.0, ge=1, description="Seconds between two looks.")


class MemoryConfig(StrictModel):
    """Where memories are kept, how many, and how they are found again."""

    path: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("xy-core") / "memory.db",
        description="The SQLite file.",
    )
    postgres: SecretStr | None = Field(
        None,
        description="Address of a PostgreSQL database (postgresql://…) that is used instead of "
        "the file.",
    )
    encrypted: bool = Field(
        default=False, description="Whether the file is encrypted (extra memory-encrypted)."
    )
    key: SecretStr | None = Field(
        None, description="Its key; better in the environment (XY_MEMORY__KEY) than in a file."
    )
    key_file: Path | None = Field(None, description="A file whose first line is the key.")
    max_turns: int = Field(
        10_000, ge=1, description="Turns kept for each person; the oldest go first. Facts stay."
    )
    max_text: int = Field(20_000, ge=1, description="Longest text of one memory, in characters.")
    pending: int = Field(256, ge=1, description="Memories that may wait to be written.")
    write_after: float = Field(
        0.2,
        ge=0,
        description="Seconds without a recall that new memories gather before they are written, "
        "if nobody reads them.",
    )
    write_latest: float = Field(
        1.0,
        ge=0,
        description="Seconds after which they are written even between recalls; a crash loses as "
        "much.",
    )
    retention: RetentionConfig = RetentionConfig()
    retention_of: dict[str, RetentionConfig] = Field(
        default_factory=dict, description="The same for single persons, by name."
    )
    extract_timeout: float = Field(
        120.0, gt=0, description="Seconds for finding the facts of one turn."
    )
    embedding: str | None = Field(
        "multilingual-e5-small+minilm-l6-int8",
        description="What understands meaning: the catalogue id of an embedder, or of one and an "
        "English one beside it, joined by +; "
        "use-multilingual (extra memory-multilingual), server (embedding_server), llm (the model "
        "of llm.models with task='embed'); none: words only.",
    )
    embed_after: float = Field(
        1.0,
        ge=0,
        description="Seconds without a recall after which new memories are embedded; words find "
        "them at once.",
    )
    embed_latest: float = Field(
        30.0, ge=0, description="Seconds after which they are embedded even between recalls."
    )
    embedding_server: EmbeddingServer = EmbeddingServer()
    device: str = Field("cpu", description="The device lane that the embedder uses.")
    threads: int = Field(2, ge=1, description="Threads of the embedder.")
    min_similarity: float = Field(
        0.15,
        ge=-1,
        le=1,
        description="Likeness below which a memory does not bear on a query: its cosine, counted "
        "from that of texts that have nothing in common.",
    )

"""Makes the store and the embedder that the settings name."""

from __future__ import annotations

from xy_core.core.database import SQLITE
from xy_core.core.module import ModuleContext
from xy_core.models import ModelStore
from xy_core.modules.memory.backends.cipher import sqlcipher
from xy_core.modules.memory.backends.e5 import UNLIKE, WEIGHTS, E5Embedder
from xy_core.modules.memory.backends.embedding_server import ServerEmbedder
from xy_core.modules.memory.backends.joined import UNLIKE as UNLIKE_JOINED
from xy_core.modules.memory.backends.joined import JoinedEmbedder
from xy_core.modules.memory.backends.minilm import WIDTH as MINILM_WIDTH
from xy_core.modules.memory.backends.minilm import MiniLMEmbedder
from xy_core.modules.memory.backends.postgres import PostgresStore
from xy_core.modules.memory.backends.sqlite import MemoryStore
from xy_core.modules.memory.backends.use import MultilingualEmbedder
from xy_core.modules.memory.config import MemoryConfig
from xy_core.modules.memory.embedding import (
    JOINT,
    LENT,
    MULTILINGUAL,
    SERVER,
    CalledEmbedder,
    Embedder,
    LocalEmbedder,
    LocalModel,
)
from xy_core.modules.memory.keys import find_key
from xy_core.modules.memory.segment import chinese_words
from xy_core.modules.memory.store import Store


def open_store(config: MemoryConfig) -> Store:
    """Open the memory file, or the database; blocks.

    Raises:
        ConfigError: it cannot be opened; see `open_database` and `PostgresStore`.
        MissingExtraError: a library is not installed.
    """
    cut = chinese_words()
    if config.postgres is not None:
        address = config.postgres.get_secret_value()
        return PostgresStore(address, max_turns=config.max_turns, cut=cut)
    driver = sqlcipher(find_key(config)) if config.encrypted else SQLITE
    return MemoryStore(config.path, max_turns=config.max_turns, driver=driver, cut=cut)


def open_embedder(config: MemoryConfig, context: ModuleContext) -> Embedder | None:
    """Load the embedder, if one is named and not lent; blocks.

    Raises:
        BackendError: its files are damaged.
        MissingExtraError: its library is not installed.
        ModelError: its files are not here.
    """
    name = config.embedding
    if name is None or name == LENT:
        return None
    if name == SERVER:
        server = config.embedding_server
        call = ServerEmbedder(server)
        return CalledEmbedder(
            f"{SERVER} {server.url} {server.model}", call, context.scheduler, server.timeout
        )
    if name == MULTILINGUAL:
        return _local(config, context, MultilingualEmbedder(config.threads))
    store = context.resource(ModelStore)
    if JOINT in name:
        wide, english = (_model(store, part, config.threads) for part in name.split(JOINT, 1))
        joined = JoinedEmbedder(wide, english, MINILM_WIDTH)
        return _local(config, context, joined, unlike=UNLIKE_JOINED)
    model = _model(store, name, config.threads)
    if isinstance(model, E5Embedder):
        return _local(config, context, model, unlike=UNLIKE)
    english_only = store.get(name).entry.languages == ("en",)
    return _local(config, context, model, english_only=english_only)


def _model(store: ModelStore, name: str, threads: int) -> E5Embedder | MiniLMEmbedder:
    found = store.get(name)
    if any(file.name == WEIGHTS for file in found.entry.files):
        return E5Embedder(found.file(WEIGHTS), threads)
    return MiniLMEmbedder(found.file("model.onnx"), found.file("tokenizer.json"), threads)


def _local(
    config: MemoryConfig,
    context: ModuleContext,
    model: LocalModel,
    *,
    english_only: bool = False,
    unlike: float = 0.0,
) -> LocalEmbedder:
    model.load()
    return LocalEmbedder(
        str(config.embedding),
        model,
        context.scheduler,
        device=config.device,
        english_only=english_only,
        unlike=unlike,
    )

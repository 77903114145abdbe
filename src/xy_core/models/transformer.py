"""How much memory a GGUF language model takes in llama.cpp, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from xy_core.models.catalogue import CatalogueEntry
from xy_core.models.gguf_header import GgufHeader, read_gguf_header
from xy_core.models.store import ModelStore

_BATCH = 512
"""Tokens that llama.cpp computes at a time (its default ``n_ubatch``)."""
_NUMBER = 2
"""Bytes of a number in the KV cache (f16, llama.cpp's default)."""
_BUS_RATIO = 8.0
"""How much faster a device of 8 GB reads its memory than a desktop's processor its own: about
360 GB/s (GDDR6) against 45 GB/s (two channels of DDR4-3200); writing a token reads all weights."""


@dataclass(frozen=True, slots=True)
class Transformer:
    """A language model's layers and their sizes, in bytes.

    Attributes:
        blocks: weights of each transformer block, in their order.
        input: the table of token embeddings, which llama.cpp always keeps on the host.
        output: the output layer.
        projector: the encoder of pictures, if it has one.
        embedding: width of the embeddings.
        heads: attention heads.
        kv_width: numbers of keys and values together, for one token and layer.
        vocabulary: tokens that it knows.
        measured: whether all that comes from its files.
    """

    blocks: tuple[int, ...]
    input: int
    output: int
    projector: int
    embedding: int
    heads: int
    kv_width: int
    vocabulary: int
    measured: bool

    @classmethod
    def of(cls, store: ModelStore, entry: CatalogueEntry) -> Self | None:
        """Look at a model's files, or if they are not here at the catalogue; None if not GGUF.

        Raises:
            ModelError: a file is damaged.
        """
        names = [file.name for file in entry.files if file.name.endswith(".gguf")]
        models = [name for name in names if not name.startswith("mmproj")]
        projector = sum(file.size for file in entry.files if file.name.startswith("mmproj"))
        if models and store.installed(entry.id):
            folder = store.path(entry.id)
            header = read_gguf_header(*(folder / name for name in models))
            return cls.from_header(header, projector)
        figures = entry.transformer
        if figures is None:
            return None
        weights = sum(file.size for file in entry.files if file.name in models)
        rest = max(0, weights - figures.input_bytes - figures.output_bytes)
        return cls(
            blocks=(rest // figures.layers,) * figures.layers,
            input=figures.input_bytes,
            output=figures.output_bytes or figures.input_bytes,
            projector=projector,
            embedding=figures.embedding,
            heads=figures.heads,
            kv_width=figures.kv_width,
            vocabulary=figures.vocabulary,
            measured=False,
        )

    @classmethod
    def from_header(cls, header: GgufHeader, projector: int = 0) -> Self:
        """Take the sizes from a file's header.

        Raises:
            ModelError: the header lacks what is needed.
        """
        embedding = header.number("embedding_length")
        heads = header.number("attention.head_count")
        kv_heads = header.number("attention.head_count_kv", heads)
        head = max(1, embedding // heads)
        key = header.number("attention.key_length", head)
        value = header.number("attention.value_length", head)
        tokens = header.tensors.get("token_embd.weight", 0)
        return cls(
            blocks=header.block_bytes(),
            input=tokens,
            # Where there is no output layer, the table of embeddings is copied to serve as one.
            output=header.tensors.get("output.weight", tokens),
            projector=projector,
            embedding=embedding,
            heads=heads,
            kv_width=kv_heads * (key + value),
            vocabulary=header.vocabulary or header.number("vocab_size"),
            measured=True,
        )

    @property
    def layers(self) -> int:
        """Transformer blocks."""
        return len(self.blocks)

    def device_bytes(self, n_gpu_layers: int, n_ctx: int) -> int:
        """Return what llama.cpp takes of the device.

        ``n_gpu_layers`` counts from the end: first the output layer, then the last blocks, each
        with its part of the KV cache; to be safe the largest of the two readings that versions
        have had counts (llama.cpp, llama-model.cpp, ``i_gpu_start``).
        """
        if n_gpu_layers <= 0:
            return 0
        blocks = self.blocks[max(0, self.layers + 1 - n_gpu_layers) :]
        weights = sum(blocks) + self.output
        if n_gpu_layers <= self.layers:
            weights += max(0, self.blocks[self.layers - n_gpu_layers] - self.output)
        cached = min(n_gpu_layers, self.layers) * self.cache_bytes(n_ctx)
        return weights + self.projector + cached + self.compute_bytes(n_ctx)

    def host_bytes(self, n_gpu_layers: int, n_ctx: int) -> int:
        """Return what llama.cpp takes of the host's memory beside that."""
        left = self.layers + 1 - max(0, n_gpu_layers)
        blocks = sum(self.blocks[: max(0, left)])
        cached = max(0, min(left, self.layers)) * self.cache_bytes(n_ctx)
        if n_gpu_layers > 0:
            return self.input + blocks + cached
        output = 0 if self.output == self.input else self.output
        return self.input + blocks + cached + output + self.projector + self.compute_bytes(n_ctx)

    def cache_bytes(self, n_ctx: int) -> int:
        """Return the KV cache of one layer: keys and values of all tokens, two bytes a number."""
        return n_ctx * self.kv_width * _NUMBER

    def compute_bytes(self, n_ctx: int) -> int:
        """Return the buffer for intermediate results of one batch.

        The larger of two moments, in numbers of four bytes for each token of a batch: attention,
        ``1 + 4 e + n_ctx (1 + heads)``, and output, ``e + vocabulary``. (The bound that Ollama
        uses for llama: ``GraphSize`` in fs/ggml/ggml.go.) It is a bound, not a guess: with flash
        attention and one output a conversation, llama.cpp took 17 MiB where this says 165 MiB
        (SmolLM2 135M, 8,192 tokens, on a processor). What is measured after a load replaces it.
        """
        attention = 1 + 4 * self.embedding + n_ctx * (1 + self.heads)
        return 4 * min(_BATCH, n_ctx) * max(attention, self.embedding + self.vocabulary)

    def speed(self, n_gpu_layers: int) -> float:
        """Guess how fast it writes, relative to all on the device, from where its weights lie."""
        if n_gpu_layers > self.layers:
            return 1.0
        whole = sum(self.blocks) + self.output
        there = sum(self.blocks[self.layers + 1 - n_gpu_layers :]) if n_gpu_layers > 0 else 0
        there += self.output if n_gpu_layers > 0 else 0
        return round(whole / (there + _BUS_RATIO * (whole - there)), 3)

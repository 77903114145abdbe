"""Any causal language model that transformers knows: a safetensors folder, or a GGUF file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from xy_core.core.cancellation import checkpoint
from xy_core.core.errors import (
    BackendError,
    ContextExceeded,
    InputError,
    MissingExtraError,
    OutOfDeviceMemory,
    XyCoreError,
)
from xy_core.modules.llm.backends.token_stream import TokenStream
from xy_core.modules.llm.backends.vectors import of_unit_length
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.sampling import filled
from xy_core.modules.llm.tool_calls import ToolReader, as_words, call_schema, must_call
from xy_core.modules.llm.types import Delta, Embeddings, Request, Sampling, Usage
from xy_core.modules.llm.window import without_oldest_turn

_LOOK = 0.05
"""Seconds between two looks at whether a request that waits for its turn is still wanted."""


class TransformersCausal:
    """One model. It writes one reply at a time, as its random numbers are those of the process."""

    def __init__(self, path: Path, model: LanguageModelConfig, config: LLMConfig) -> None:
        self._path = path
        self._model = model
        self._config = config
        self._network: Any = None
        self._tokenizer: Any = None
        self._shapes: Any = None
        self._turn = Lock()

    def load(self, gpu_layers: int = 0) -> None:
        """See `LanguageModel`; all layers lie on the device, or none."""
        if self._network is None:
            self._tokenizer, self._network = _load(self._path, on_device=gpu_layers > 0)

    def generate(self, emit: Callable[[Delta], None], request: Request) -> None:
        """See `LanguageModel`."""
        tokens, request = self._fitting(request)
        sampling = filled(request.sampling, self._model, self._config)
        reader = ToolReader(request) if request.tools else None
        shown = emit if reader is None else lambda delta: emit(reader.read(delta))
        with self._one_at_a_time(), _errors_as_ours():
            self._write(shown, tokens, sampling, self._shape(request))

    def count(self, request: Request) -> int:
        """See `LanguageModel`."""
        if self._model.task == "embed":  # it reads texts, no conversation
            self._loaded()
            texts = [message.content for message in request.messages]
            return sum(len(self._tokenizer(text)["input_ids"]) for text in texts)
        return len(self._encode(request))

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """See `LanguageModel`: the mean of the last layer over a text's tokens."""
        import torch  # noqa: PLC0415 - heavy: only when a model is used

        if self._model.task != "embed":
            raise InputError(
                f"{self._model.id} writes: vectors need an entry of llm.models with task='embed'"
            )
        network = self._loaded()
        vectors = []
        with self._one_at_a_time(), _errors_as_ours(), torch.inference_mode():
            for text in texts:
                checkpoint()
                ids = self._tokenizer(text)["input_ids"]
                if not 0 < len(ids) <= self._context():
                    raise ContextExceeded
                tokens = torch.tensor([ids], device=network.device)
                hidden = network(tokens, output_hidden_states=True).hidden_states[-1]
                vectors.append(hidden[0].mean(0).float().cpu().numpy())
        return of_unit_length(np.stack(vectors))

    def close(self) -> None:
        """See `LanguageModel`."""
        self._network = self._tokenizer = self._shapes = None

    # -- the prompt ----------------------------------------------------------------------------

    def _fitting(self, request: Request) -> tuple[list[int], Request]:
        """Return the prompt's tokens, of as many turns as leave room for one token of reply."""
        while len(tokens := self._encode(request)) >= self._context():
            request = request.with_messages(without_oldest_turn(request.messages))
        return tokens, request

    def _context(self) -> int:
        most = getattr(self._loaded().config, "max_position_embeddings", None)
        return min(self._config.context_tokens, most or self._config.context_tokens)

    def _encode(self, request: Request) -> list[int]:
        self._loaded()
        said = [{"role": one.role, "content": one.content} for one in as_words(request)]
        if not getattr(self._tokenizer, "chat_template", None):
            raise BackendError(f"{self._model.id} has no chat template: it was not taught to talk")
        goes_on = said[-1]["role"] == "assistant"
        try:
            text = self._tokenizer.apply_chat_template(
                said,
                tokenize=False,
                add_generation_prompt=not goes_on,
                continue_final_message=goes_on,
            )
        except Exception as error:
            raise InputError(
                f"{self._model.id}'s template refuses the messages: {error}"
            ) from error
        found: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    # -- writing -------------------------------------------------------------------------------

    def _write(
        self,
        emit: Callable[[Delta], None],
        prompt: list[int],
        sampling: Sampling,
        shape: Any,  # noqa: ANN401 - of an optional library
    ) -> None:
        import torch  # noqa: PLC0415 - heavy: only when a model is used

        network = self._loaded()
        room = self._context() - len(prompt)
        most = min(sampling.max_tokens or room, room)
        stream = TokenStream(self._tokenizer, emit, sampling.stop)
        tokens = torch.tensor([prompt], device=network.device)
        begun = time.monotonic()
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(sampling.seed or 0)
            network.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                streamer=stream,
                stopping_criteria=[stream.met],
                logits_processor=[] if shape is None else [shape],
                max_new_tokens=most,
                pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
                **_choosing(sampling),
            )
        seconds = time.monotonic() - begun
        usage = Usage(len(prompt), stream.count, 0, round(stream.count / max(seconds, 1e-9), 2))
        ended = stream.stopped or stream.last in _ends(network, self._tokenizer)
        emit(Delta(stream.rest(), "stop" if ended else "length", (), usage))

    def _shape(self, request: Request) -> Any:  # noqa: ANN401 - of an optional library
        """Return what keeps a reply to its schema; None for free text."""
        schema = request.schema
        if schema is None and must_call(request):
            schema = call_schema(request)
        if schema is None:
            return None
        try:
            from xy_core.modules.llm.backends.shaping import Shapes  # noqa: PLC0415 - optional
        except ImportError as error:
            raise MissingExtraError("llguidance", "llm-transformers") from error
        if self._shapes is None:
            self._shapes = Shapes(self._tokenizer, self._loaded())
        return self._shapes.of(schema)

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        while not self._turn.acquire(timeout=_LOOK):
            checkpoint()
        try:
            yield
        finally:
            self._turn.release()

    def _loaded(self) -> Any:  # noqa: ANN401 - of an optional library
        if self._network is None:
            raise BackendError(f"{self._model.id} is not loaded")
        return self._network


def cache_bytes(folder: Path, tokens: int) -> int:
    """Return what keys and values of so many tokens take, in bytes; 0 if the folder does not say.

    Two numbers of two bytes (half precision) for each layer, head and dimension.
    """
    try:
        known = json.loads((folder / "config.json").read_text("utf-8"))
        heads = known["num_attention_heads"]
        width = known.get("head_dim") or known["hidden_size"] // heads
        per_token = known["num_hidden_layers"] * known.get("num_key_value_heads", heads) * width
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return 0
    return int(2 * 2 * per_token * tokens)


def _choosing(sampling: Sampling) -> dict[str, Any]:
    """Return how transformers names what a token is chosen by."""
    if sampling.presence_penalty or sampling.frequency_penalty:
        raise InputError(
            "engine transformers has repeat_penalty, not presence_penalty or frequency_penalty"
        )
    named: dict[str, Any] = {"repetition_penalty": sampling.repeat_penalty or 1.0}
    if not sampling.temperature:
        return named | {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    named |= {"do_sample": True, "temperature": sampling.temperature}
    given = {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": sampling.min_p}
    return named | {name: value for name, value in given.items() if value is not None}


def _ends(network: Any, tokenizer: Any) -> set[int]:  # noqa: ANN401 - of an optional library
    ends = network.generation_config.eos_token_id
    known = ends if isinstance(ends, list) else [ends]
    return {end for end in (*known, tokenizer.eos_token_id) if end is not None}


@contextmanager
def _errors_as_ours() -> Iterator[None]:
    import torch  # noqa: PLC0415 - heavy: only when a model is used

    try:
        yield
    except XyCoreError:
        raise
    except torch.OutOfMemoryError as error:
        raise OutOfDeviceMemory(str(error)) from error
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise BackendError(f"transformers: {error}") from error


def _load(path: Path, *, on_device: bool) -> tuple[Any, Any]:
    """Read tokenizer and network; nothing is fetched and no code of the folder is run."""
    try:
        import torch  # noqa: PLC0415 - heavy: only when a model is loaded
        import transformers  # noqa: PLC0415 - the same
    except ImportError as error:
        raise MissingExtraError("transformers", "llm-transformers") from error
    transformers.utils.logging.disable_progress_bar()
    source = path
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if path.suffix == ".gguf":
        source, options = path.parent, options | {"gguf_file": path.name}
    device = torch.accelerator.current_accelerator() if on_device else None
    dtype = torch.float32 if device is None else torch.float16
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
        network = transformers.AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype, use_safetensors=True, **options
        )
        return tokenizer, network.to(device or "cpu").eval()
    except torch.OutOfMemoryError as error:
        raise OutOfDeviceMemory(str(error)) from error
    except Exception as error:
        raise BackendError(f"transformers cannot load {path}: {error}") from error

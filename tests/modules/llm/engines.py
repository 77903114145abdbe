"""The real engines that the protocol tests run over, each made on the spot."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager

import xllamacpp

from tests.modules.llm.test_service import llm_service
from tests.modules.tiny_store import tiny_store
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig, ServerConfig

SMOLLM = "smollm2-135m-instruct"
KEY = "a-key-that-must-never-be-told"
CONTEXT = 512
TINY_CONTEXT = 1024
"""The tiny tokenizer knows few words: texts have many tokens."""
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def settings(*models: LanguageModelConfig, **values: object) -> LLMConfig:
    return LLMConfig(
        models=models,
        **{"context_tokens": CONTEXT, "slots": 2, "threads": 1, "max_tokens": 16} | values,
    )


def entry(engine: str, model: str = SMOLLM, **values: object) -> LanguageModelConfig:
    return LanguageModelConfig(id=model, engine=engine, languages=("en",), **values)


@asynccontextmanager
async def llama_cpp(model_store, _folder):
    async with llm_service(model_store, settings(entry("llama_cpp"))) as running:
        yield running


@asynccontextmanager
async def transformers(_model_store, folder):
    source = folder / "source"
    source.mkdir()
    make_tiny(source)
    store = await asyncio.to_thread(tiny_store, folder, "tiny", "llm", source)
    async with llm_service(
        store, settings(entry("transformers", "tiny"), context_tokens=TINY_CONTEXT)
    ) as running:
        yield running


@asynccontextmanager
async def openai(model_store, _folder):
    with http_server(model_store) as server:
        config = settings(entry("openai", "there", server=server))
        async with llm_service(model_store, config) as running:
            yield running


ENGINES = {"llama_cpp": llama_cpp, "transformers": transformers, "openai": openai}


@contextmanager
def http_server(store, *, embedding: bool = False):
    """llama.cpp's own HTTP server, with the real model."""
    installed = store.get(SMOLLM)
    params = xllamacpp.CommonParams()
    params.model.path = str(installed.file(installed.entry.files[0].name))
    params.n_parallel, params.n_ctx = 2, 2 * CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity, params.warmup, params.ui = -1, False, False
    params.cache_ram_mib = 0
    params.api_keys = [KEY]
    if embedding:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type(1)
    server = xllamacpp.Server(params)
    yield ServerConfig(url=f"{server.listening_address}/v1", api_key=KEY, retries=1, timeout=30)


def make_tiny(folder) -> None:
    import torch  # noqa: PLC0415 - heavy: only where a test needs it
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: PLC0415

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(["hello world, tell me a story about the weather"] * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=special[0],
        pad_token=special[0],
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=TINY_CONTEXT,
        eos_token_id=fast.eos_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(shape).save_pretrained(folder)

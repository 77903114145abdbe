"""A Qwen2-VL of transformers' own classes with tiny random weights, saved to a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.modules.vision.tiny_gguf import _SPECIAL, byte_letters

transformers = pytest.importorskip("transformers", reason="the image extra is not installed")
torch = pytest.importorskip("torch", reason="the image extra is not installed")
tokenizers = pytest.importorskip("tokenizers")


def save_tiny_qwen2vl(folder: Path) -> Path:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # tests run side by side
    folder.mkdir(parents=True, exist_ok=True)
    words = [*byte_letters(), *_SPECIAL]
    ids = {word: index for index, word in enumerate(words)}
    _save_tokenizer(folder, ids)
    config = transformers.Qwen2VLConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4_096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [4, 6, 6],
            },
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "bos_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 64,
            "num_heads": 2,
            "mlp_ratio": 2,
        },
        image_token_id=ids["<|image_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        video_token_id=ids["<|vision_end|>"],
    )
    model = transformers.Qwen2VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    model.save_pretrained(folder)
    transformers.Qwen2VLImageProcessorPil().save_pretrained(folder)
    return folder


def _save_tokenizer(folder: Path, ids: dict[str, int]) -> None:
    letters = {word: index for word, index in ids.items() if word not in _SPECIAL}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(letters, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"})
    )

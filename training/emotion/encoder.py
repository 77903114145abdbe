"""The network that is trained: a BERT encoder of two parts, and a head on its pooled states."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.emotion.base import HEADS, LAYERS, WIDTH, Floats

FROZEN = 4
"""The lowest layers stay as they are: what they give is computed once for all epochs."""
LABELS = 7
DROPOUT = 0.1
_EPSILON = 1e-12


class Ground(nn.Module):
    """Embeddings and the frozen layers: tokens in, states out."""

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        super().__init__()
        self.words = nn.Embedding.from_pretrained(_tensor(tensors["emb.word"]))
        places = _tensor(tensors["emb.pos"]) + _tensor(tensors["emb.type"]).reshape(-1, WIDTH)[0]
        self.places = nn.Embedding.from_pretrained(places)
        self.norm = _norm(tensors, "emb.ln")
        self.layers = nn.ModuleList(Layer(tensors, f"l{n}") for n in range(FROZEN))
        self.requires_grad_(requires_grad=False).eval()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return states of shape (n, length, WIDTH) of token ids of shape (n, length)."""
        states = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        states = self.norm(states)
        for layer in self.layers:
            states = layer(states, mask)
        return states


class Crown(nn.Module):
    """The trained layers, and what is concluded from them.

    Args:
        tensors: of the base.
        corpora: how many corpora there are; each has its own bias, as their annotators had.
    """

    def __init__(self, tensors: Mapping[str, Floats], corpora: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(tensors, f"l{n}") for n in range(FROZEN, LAYERS))
        self.head = nn.Linear(2 * WIDTH, 2 * LABELS)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.habits = nn.Embedding(corpora, 2 * LABELS)
        nn.init.zeros_(self.habits.weight)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return scores of shape (n, 2 × 7): which emotion it is, and which are present."""
        for layer in self.layers:
            states = layer(states, mask)
        scores: Tensor = self.head(functional.dropout(pooled(states, mask), DROPOUT, self.training))
        return scores


class Layer(nn.Module):
    """One layer of BERT (Devlin et al. 2019), normalised after each part."""

    def __init__(self, tensors: Mapping[str, Floats], name: str) -> None:
        super().__init__()
        self.inward = _linear(tensors, *(f"{name}.{part}" for part in "qkv"))
        self.outward = _linear(tensors, f"{name}.ao")
        self.first = _norm(tensors, f"{name}.aln")
        self.wide = _linear(tensors, f"{name}.fi")
        self.narrow = _linear(tensors, f"{name}.fo")
        self.second = _norm(tensors, f"{name}.oln")

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return the next states; `mask` is True where there is a token, shape (n, length)."""
        count, length, _ = states.shape
        split = self.inward(states).view(count, length, 3, HEADS, WIDTH // HEADS)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        # Spelled out: on a processor torch's fused attention is slow backwards for short texts.
        likeness = query @ key.transpose(2, 3) / (WIDTH // HEADS) ** 0.5
        shares = likeness.float().masked_fill(~mask[:, None, None, :], -1e4).softmax(dim=3)
        seen = shares.to(value.dtype) @ value
        seen = self.outward(seen.transpose(1, 2).reshape(count, length, WIDTH))
        states = self.first(states + functional.dropout(seen, DROPOUT, self.training))
        thought = self.narrow(functional.gelu(self.wide(states)))
        normed: Tensor = self.second(states + functional.dropout(thought, DROPOUT, self.training))
        return normed


def pooled(states: Tensor, mask: Tensor) -> Tensor:
    """Return mean and maximum of a text's states, shape (n, 2 × WIDTH)."""
    here = mask[:, :, None]
    mean = (states * here).sum(dim=1) / here.sum(dim=1)
    most = states.masked_fill(~here, -1e4).amax(dim=1)
    return torch.cat([mean, most], dim=1)


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))


def _linear(tensors: Mapping[str, Floats], *names: str) -> nn.Linear:
    weight = torch.cat([_tensor(tensors[f"{name}.w"]) for name in names])
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.weight.data = weight
    linear.bias.data = torch.cat([_tensor(tensors[f"{name}.b"]) for name in names])
    return linear


def _norm(tensors: Mapping[str, Floats], name: str) -> nn.LayerNorm:
    norm = nn.LayerNorm(WIDTH, eps=_EPSILON)
    norm.weight.data = _tensor(tensors[f"{name}.w"])
    norm.bias.data = _tensor(tensors[f"{name}.b"])
    return norm

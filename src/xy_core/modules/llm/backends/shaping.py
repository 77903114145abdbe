"""Keeps what transformers writes to a JSON schema, by llguidance: https://guidance-ai.github.io."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import llguidance.hf
import llguidance.torch as masks
import torch
from llguidance import LLMatcher

from xy_core.core.errors import BackendError, InputError


class Shapes:
    """Makes shapes for one model; its tokenizer is read once."""

    def __init__(self, tokenizer: Any, network: Any) -> None:  # noqa: ANN401 - transformers' own
        self._size = network.config.vocab_size
        try:
            self._tokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=self._size)
        except ValueError as error:
            raise BackendError(f"llguidance cannot read this tokenizer: {error}") from error

    def of(self, schema: Mapping[str, Any]) -> Shape:
        """Return the shape of one reply.

        Raises:
            InputError: the schema is wrong, or has what llguidance does not know.
        """
        try:
            grammar = LLMatcher.grammar_from_json_schema(
                json.dumps(schema), defaults={"whitespace_flexible": False}
            )
        except ValueError as error:
            raise InputError(f"the JSON schema cannot be used: {error}") from error
        matcher = LLMatcher(self._tokenizer, grammar)
        if problem := matcher.get_error():
            raise InputError(f"the JSON schema cannot be used: {problem}")
        return Shape(matcher, self._size)


class Shape:
    """Forbids every token that would leave the schema: a logits processor of transformers."""

    def __init__(self, matcher: LLMatcher, size: int) -> None:
        self._matcher = matcher
        self._mask = masks.allocate_token_bitmask(1, size)
        self._read = 0

    def __call__(self, tokens: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores of shape ``(1, vocabulary)`` with -inf for what is forbidden."""
        if self._read:
            self._matcher.consume_tokens(tokens[0, self._read :].tolist())
        self._read = tokens.shape[1]
        if problem := self._matcher.get_error():
            raise BackendError(f"llguidance: {problem}")
        masks.fill_next_token_bitmask(self._matcher, self._mask, 0)
        masks.apply_token_bitmask_inplace(scores, self._mask.to(scores.device))
        return scores

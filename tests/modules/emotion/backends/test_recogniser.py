from __future__ import annotations

import importlib.util

import pytest

from xy_core.modules.emotion.backends import recogniser
from xy_core.modules.emotion.backends.linear import LinearRecogniser
from xy_core.modules.emotion.types import Emotion


def test_without_the_libraries_the_linear_model_reads(monkeypatch: pytest.MonkeyPatch):
    def find(name: str) -> object:
        return None if name == "onnxruntime" else importlib.util.find_spec(name)

    monkeypatch.setattr(recogniser, "find_spec", find)
    simple = recogniser.load_recogniser()
    assert isinstance(simple, LinearRecogniser)
    found = simple.read("I am so happy!")
    assert found is not None
    assert found.named == (Emotion.JOY,)
    assert simple.read("?!") is None

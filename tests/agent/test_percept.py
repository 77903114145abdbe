"""What the user gives."""

from __future__ import annotations

import pytest

from xy_core.agent import UserInput
from xy_core.core.errors import InputError
from xy_core.modules.emotion import FaceScores
from xy_core.modules.voice import Audio


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000"])
def test_nothing_at_all_is_refused(text):
    with pytest.raises(InputError, match="type a text, or add an audio file or a picture") as error:
        UserInput(text)
    assert error.value.exit_code == 2


def test_any_part_is_enough():
    assert UserInput("hi").person == "user"
    assert UserInput(audio=Audio.silence(0.1, 16_000)).text == ""


def test_a_face_is_no_question_but_goes_with_one():
    face = FaceScores.of({"happy": 0.9})
    with pytest.raises(InputError, match="nothing was given"):
        UserInput(face=face)
    assert UserInput("hi", face=face).face is face


@pytest.mark.parametrize(
    "parts", [{"text": "hi \udcff"}, {"text": "hi", "person": "\ud800"}], ids=str
)
def test_what_is_not_unicode_is_refused(parts):
    with pytest.raises(InputError, match=r"not Unicode at character \d: give it as UTF-8"):
        UserInput(**parts)

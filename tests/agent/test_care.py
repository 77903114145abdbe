"""The careful path: help lines, and whole turns of people who may be in danger."""

from __future__ import annotations

import pytest

from tests.agent.conftest import Open, agent, of, turn
from xy_core.agent import (
    AgentConfig,
    Checked,
    CrisisNoticed,
    Expressed,
    Policy,
    SentenceWritten,
    Spoken,
    TurnDone,
    UserInput,
)
from xy_core.agent.care import _help_lines, careful_reply, help_line
from xy_core.core.errors import ConfigError
from xy_core.modules.memory import MemoryService


@pytest.mark.parametrize("country", sorted(_help_lines()))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_countrys_reply_names_its_line_and_emergency_number(country, language):
    line = help_line(country)
    reply = careful_reply(language, country)
    assert line.number in reply
    assert line.emergency in reply
    assert line.name[language] in reply
    assert line.source.startswith("https://")
    assert "{" not in reply


@pytest.mark.parametrize(
    ("locale", "number"),
    [
        ("en_US.UTF-8", "988"),
        ("zh_CN.UTF-8", "12356"),
        ("C.UTF-8", "findahelpline"),
        ("xx_XX", "findahelpline"),
        ("", "findahelpline"),
    ],
)
def test_the_locale_tells_the_country(monkeypatch, locale, number):
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    assert number in help_line("auto").number


def test_an_unknown_country_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"agent\.country.*US"):
        help_line("ZZ")
    with pytest.raises(ValueError, match="country"):
        AgentConfig(country="us!")


@pytest.mark.models
@pytest.mark.parametrize(
    ("words", "language", "number"),
    [("I want to kill myself.", "en", "988"), ("我不想活了", "zh", "988")],
)
async def test_a_sign_leads_to_the_careful_reply_without_a_language_model(
    opening: Open, words: str, language: str, number: str
):
    async with opening(["emotion", "memory"]) as running:
        careful = agent(running, country="US", speak=False, max_sentences=1)
        person = f"danger-{language}"
        events = await turn(careful, UserInput(words, person=person))
        (noticed,) = of(CrisisNoticed, events)
        assert noticed.sign.words
        done = events[-1]
        assert isinstance(done, TurnDone)
        assert done.reply == careful_reply(language, "US")
        assert number in done.reply
        said = "".join(event.text for event in of(SentenceWritten, events))
        assert said.strip() == done.reply
        (expressed,) = of(Expressed, events)
        assert expressed.expression.policy is Policy.SOOTHE
        assert of(Checked, events) == []
        (point,) = await running.engine.module(MemoryService).timeline(person)
        assert point.crisis


@pytest.mark.models
async def test_it_is_careful_even_with_nothing_loaded(opening: Open):
    async with opening([]) as bare:
        events = await turn(agent(bare, country="GB"), UserInput("I want to die"))
    assert "116 123" in events[-1].reply
    assert of(Spoken, events) == []


@pytest.mark.models
async def test_after_a_sign_nothing_is_cheered_or_mirrored_also_after_a_restart(opening: Open):
    settings = {"speak": False, "max_sentences": 1, "policies": {"joy": "cheer"}}
    async with opening(["emotion", "memory", "llm"]) as running:
        await turn(agent(running, **settings), UserInput("I want to kill myself", person="p"))
        await turn(agent(running, **settings), UserInput("hello", person="other"))
    async with opening(["emotion", "memory", "llm"]) as again:
        joyful = UserInput("I got the job, I am so happy!", person="p")
        events = await turn(agent(again, **settings), joyful)
        assert of(Expressed, events)[0].expression.policy is Policy.SOOTHE
        joyful = UserInput("I got the job, I am so happy!", person="other")
        events = await turn(agent(again, **settings), joyful)
        assert of(Expressed, events)[0].expression.policy is Policy.CHEER

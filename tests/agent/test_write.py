"""How a reply is kept in its mood, with a model that writes what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from xy_core.agent import express
from xy_core.agent.express import Expression
from xy_core.agent.write import Step, Writer
from xy_core.core.stream import TaskStream
from xy_core.modules.emotion import Emotion, EmotionReading
from xy_core.modules.llm import Delta, Message

ASKED = (Message("system", "Be kind."), Message("user", "My cat died."))


class Scripted:
    """Stands in for `LLMService`: writes one script after the other, through the scheduler."""

    def __init__(self, scheduler, *scripts: str) -> None:
        self._scheduler = scheduler
        self._scripts = list(scripts)
        self.asked: list[Sequence[Message]] = []

    def generate(self, messages, **options) -> TaskStream[Delta]:
        self.asked.append(messages)
        script = self._scripts.pop(0)

        async def write():
            for letter in script:
                await asyncio.sleep(0)
                yield Delta(letter)

        return self._scheduler.stream(write, priority=options["priority"], key=options["key"])


class Listener:
    """Takes what is released; a text fits if it has the word ``sorry``, or only ``fine`` words."""

    def __init__(self, wrong: str = "glad") -> None:
        self.shown = ""
        self.sentences: list[str] = []
        self._wrong = wrong

    async def fits(self, text: str) -> bool:
        return self._wrong not in text

    async def release(self, step: Step) -> None:
        self.shown += step[0]
        self.sentences += step[1]


def writer(llm: Scripted, listener: Listener, language: str = "en") -> Writer:
    return Writer(llm, language=language, key="k", fits=listener.fits, release=listener.release)


def meant(emotion: Emotion) -> Expression:
    shares = {one: float(one is emotion) for one in Emotion}
    return express(EmotionReading(shares, 1.0, unsure=False), "en")


async def test_a_reply_in_the_mood_is_left_as_it_is(scheduler):
    llm, listener = Scripted(scheduler, "I am so sorry. What was its name?"), Listener()
    reply, again = await writer(llm, listener).write_in_mood(ASKED, meant(Emotion.SADNESS), 3)
    assert (reply, again) == ("I am so sorry. What was its name?", False)
    assert listener.shown == "".join(listener.sentences)
    assert listener.shown.strip() == reply
    assert len(llm.asked) == 1


async def test_a_beginning_in_another_mood_is_never_shown_and_begun_again(scheduler):
    sad = meant(Emotion.SADNESS)
    llm = Scripted(scheduler, "I am glad to hear that. Great!", " It was a good cat.")
    listener = Listener()
    reply, again = await writer(llm, listener).write_in_mood(ASKED, sad, 3)
    assert again
    assert reply == f"{sad.openings[0]} It was a good cat."
    assert "glad" not in listener.shown
    assert listener.sentences[0].strip() == sad.openings[0]
    assert llm.asked[1][-1] == Message("assistant", sad.openings[0])


async def test_the_reply_ends_before_a_sentence_that_would_turn_its_mood(scheduler):
    llm = Scripted(scheduler, "I am so sorry. I am glad it is over. Bye.")
    listener = Listener()
    reply, again = await writer(llm, listener).write_in_mood(ASKED, meant(Emotion.SADNESS), 3)
    assert (reply, again) == ("I am so sorry.", False)


async def test_nothing_is_said_twice(scheduler):
    llm = Scripted(scheduler, "I am so sorry. I am so sorry! And more.")
    reply, _ = await writer(llm, Listener()).write_in_mood(ASKED, meant(Emotion.SADNESS), 3)
    assert reply == "I am so sorry."


async def test_what_an_earlier_reply_said_is_not_said_again(scheduler):
    before = (Message("assistant", "I am so sorry. It hurts."), *ASKED)
    llm = Scripted(scheduler, "It hurts. So much.", " Tell me about it.")
    listener = Listener()
    reply, again = await writer(llm, listener).write_in_mood(before, meant(Emotion.SADNESS), 3)
    assert again
    assert "It hurts" not in reply


async def test_where_any_beginning_will_do_the_own_words_are_left_out_instead(scheduler):
    before = (Message("assistant", "I am glad."), *ASKED)
    llm, listener = Scripted(scheduler, "Glad, glad.", "Cats live long."), Listener("lad")
    reply, again = await writer(llm, listener).write_in_mood(before, meant(Emotion.NEUTRAL), 3)
    assert (reply, again) == ("Cats live long.", True)
    assert [message.role for message in llm.asked[1]] == ["system", "user"]


async def test_the_last_attempt_is_shown_whatever_it_is(scheduler):
    before = (Message("assistant", "I know."), *ASKED)
    llm, listener = Scripted(scheduler, "I am glad.", "I am glad."), Listener()
    reply, again = await writer(llm, listener).write_in_mood(before, meant(Emotion.NEUTRAL), 3)
    assert (reply, again) == ("I am glad.", True)
    assert listener.shown == "I am glad."


async def test_where_there_is_no_other_way_to_begin_the_model_is_asked_once(scheduler):
    llm, listener = Scripted(scheduler, "I am glad."), Listener()
    reply, again = await writer(llm, listener).write_in_mood(ASKED, meant(Emotion.NEUTRAL), 3)
    assert (reply, again) == ("I am glad.", False)


async def test_a_model_that_writes_nothing_leaves_the_opening(scheduler):
    sad = meant(Emotion.SADNESS)
    llm, listener = Scripted(scheduler, "", ""), Listener()
    reply, again = await writer(llm, listener).write_in_mood(ASKED, sad, 3)
    assert (reply, again) == (sad.openings[0], True)


async def test_an_opening_that_was_used_or_does_not_fit_gives_way_to_another(scheduler):
    sad = meant(Emotion.SADNESS)
    used = (Message("assistant", sad.openings[0]), *ASKED)
    llm = Scripted(scheduler, "Glad.", "Yes.")
    reply, _ = await writer(llm, Listener("Glad")).write_in_mood(used, sad, 1)
    assert reply == sad.openings[1]
    llm = Scripted(scheduler, sad.openings[0], "Yes.")
    reply, _ = await writer(llm, Listener(sad.openings[0])).write_in_mood(ASKED, sad, 1)
    assert reply == sad.openings[1]


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_there_are_never_more_sentences_than_asked_for(scheduler, most):
    llm = Scripted(scheduler, "I am glad. No. Yes. Oh.", "One. Two. Three. Four.")
    listener = Listener()
    await writer(llm, listener).write_in_mood(ASKED, meant(Emotion.SADNESS), most)
    assert len(listener.sentences) <= most


async def test_unread_a_reply_comes_token_by_token(scheduler):
    llm, listener = Scripted(scheduler, "I am glad. Me too. And so on."), Listener()
    assert await writer(llm, listener).write(ASKED, 2) == "I am glad. Me too."
    assert listener.shown.strip() == "I am glad. Me too."

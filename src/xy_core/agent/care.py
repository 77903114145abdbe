"""The careful path: what is said, word for word, to somebody who may be in danger."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from xy_core.core.errors import ConfigError

_REPLY = {
    "en": "I am really glad that you told me this, and I am taking it seriously. "
    "You do not have to go through it alone. "
    "Please reach out to a person who can be with you now: {name}, {number}. "
    "If there is immediate danger, call {emergency} or go to the nearest emergency room, "
    "and stay away from anything that could hurt you. "
    "Is there somebody near you whom you can call right now?",
    "zh": "谢谢你愿意告诉我，我很认真地听着。你不必一个人扛着。"
    "请现在就联系能陪你的人：{name}，{number}。"
    "如果有立即的危险，请拨打{emergency}或去最近的急诊，并远离可能伤害自己的东西。"
    "你身边现在有可以马上联系的人吗？",
}
_COUNTRY = re.compile(r"^[a-z]{2,3}[_-]([A-Z]{2})\b")
_ANY = "any"


@dataclass(frozen=True, slots=True)
class HelpLine:
    """Whom to call in one country.

    Attributes:
        name: of the line, by language (``en``, ``zh``).
        number: to dial or, where no country is known, a page that finds one.
        emergency: the number for immediate danger.
        source: the organisation's own page.
    """

    name: Mapping[str, str]
    number: str
    emergency: str
    source: str


def careful_reply(language: str, country: str) -> str:
    """Return the reply to somebody who may harm themselves; no model has a say in it.

    Its parts follow WHO, "Preventing suicide: how to start a conversation" (2019), and
    https://www.bethe1to.com: take it seriously, do not leave alone, name help, keep the means
    away, ask.

    Args:
        language: ``en`` or ``zh``.
        country: ISO 3166 code, or ``auto`` for that of the environment's locale.

    Raises:
        ConfigError: there is no such country in the list.
    """
    line = help_line(country)
    return _REPLY[language].format(
        name=line.name[language], number=line.number, emergency=line.emergency
    )


def help_line(country: str) -> HelpLine:
    """Return the line of a country; a worldwide directory where ``auto`` finds none.

    Raises:
        ConfigError: there is no such country in the list.
    """
    lines = _help_lines()
    if country == "auto":
        return lines.get(_country_of_environment(), lines[_ANY])
    if country not in lines:
        raise ConfigError(
            f"no help line is known for country {country!r}: set agent.country to one of "
            f"{', '.join(lines)}, or auto"
        )
    return lines[country]


def _country_of_environment() -> str:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if found := _COUNTRY.match(os.environ.get(name, "")):
            return found[1]
    return _ANY


@cache
def _help_lines() -> Mapping[str, HelpLine]:
    text = files("xy_core.agent").joinpath("data/help_lines.toml").read_text("utf-8")
    return {country: HelpLine(**entry) for country, entry in tomllib.loads(text).items()}

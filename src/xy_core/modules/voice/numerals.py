"""Numbers in Chinese text, as they are read aloud."""

from __future__ import annotations

import re

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿")
_NUMBER = re.compile(
    r"(?P<year>(?<!\d)\d{4}(?=\s*年))|(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?(?P<percent>\s*[%％])?",
    re.ASCII,
)


def read_numbers(text: str) -> str:
    """Replace digits by Chinese characters: ``3.5%`` becomes 百分之三点五.

    Years and numbers of more than 16 digits, or with a leading zero, are read digit by digit.
    """
    return _NUMBER.sub(_read, text)


def _read(match: re.Match[str]) -> str:
    if match["year"]:
        return _one_by_one(match["year"])
    whole = match["whole"].replace(",", "")
    said = _one_by_one(whole) if _is_code(whole) else _whole(int(whole))
    if match["part"]:
        said += "点" + _one_by_one(match["part"])
    return "百分之" + said if match["percent"] else said


def _is_code(digits: str) -> bool:
    return len(digits) > 4 * len(_GROUPS) or (len(digits) > 1 and digits.startswith("0"))


def _one_by_one(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _whole(number: int) -> str:
    """Read a whole number below 10 to the power of 16."""
    if number == 0:
        return _DIGITS[0]
    said = ""
    for index, unit in enumerate(_GROUPS):
        group = number // 10_000**index % 10_000
        if not group:
            continue
        gap = said and number // 10_000 ** (index - 1) % 10_000 < 1_000  # noqa: PLR2004
        said = _group(group) + unit + (_DIGITS[0] if gap else "") + said
    return said.removeprefix("一") if said.startswith("一十") else said


def _group(group: int) -> str:
    """Read 1 to 9,999; a run of zeros between digits is read once."""
    said = "".join(
        _DIGITS[digit] + _PLACES[place] if digit else _DIGITS[0]
        for place in (3, 2, 1, 0)
        for digit in (group // 10**place % 10,)
    )
    return re.sub(f"{_DIGITS[0]}+", _DIGITS[0], said).strip(_DIGITS[0])

"""The two languages of the command line."""

from __future__ import annotations

import pytest

from xy_core.cli.i18n import language, tr

VARIABLES = ("XY_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "XY_LANG": "en"}, "en"),
        ({"LANG": "C", "XY_LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "XY_LANG": ""}, "zh"),
        ({"XY_LANG": "ZH"}, "zh"),
    ],
)
def test_the_language_is_that_of_the_environment(monkeypatch, environment, expected):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language() == expected
    assert tr("tea", "茶") == {"en": "tea", "zh": "茶"}[expected]

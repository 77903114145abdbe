"""What the shared options of the command line mean."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.cli.context import Options, parse_assignments
from xy_core.core.errors import ConfigError


@pytest.mark.parametrize(
    ("assignment", "tree"),
    [
        ("llm.slots=2", {"llm": {"slots": 2}}),
        ("offline=true", {"offline": True}),
        ("agent.name=Xiao Yu", {"agent": {"name": "Xiao Yu"}}),
        ("agent.name=小雨", {"agent": {"name": "小雨"}}),
        ('agent.name="2"', {"agent": {"name": "2"}}),
        ("agent.name=a=b", {"agent": {"name": "a=b"}}),
        ("agent.name=", {"agent": {"name": ""}}),
        (' llm.slots = "2" ', {"llm": {"slots": "2"}}),
        ('modules=["llm", "emotion"]', {"modules": ["llm", "emotion"]}),
        ("bus={queue_size = 3}", {"bus": {"queue_size": 3}}),
        ("memory.path=/data/a.db", {"memory": {"path": "/data/a.db"}}),
        ("a=[", {"a": "["}),
        ("a=1\nb=2", {"a": "1\nb=2"}),
    ],
)
def test_values_are_toml_or_else_text(assignment, tree):
    assert parse_assignments((assignment,)) == tree


def test_several_are_merged_and_the_last_wins():
    given_ = ("llm.slots=2", "llm.threads=1", "agent.recall=0", "llm.slots=3")
    assert parse_assignments(given_) == {"llm": {"slots": 3, "threads": 1}, "agent": {"recall": 0}}


@pytest.mark.parametrize("assignment", ["", "=", "llm.slots", "=2", "llm.=2", ".slots=2", "a..b=2"])
def test_what_is_not_an_assignment_is_refused(assignment):
    with pytest.raises(ConfigError, match=r"write it as section\.key=value") as error:
        parse_assignments((assignment,))
    assert error.value.exit_code == 2


def test_a_section_cannot_be_a_value_as_well():
    with pytest.raises(ConfigError, match="was set to a value before"):
        parse_assignments(("llm=2", "llm.slots=2"))


@given(st.text(max_size=30))
def test_any_text_is_a_tree_or_a_configuration_error(assignment):
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_assignments((assignment,)), dict)


def test_options_make_settings(tmp_path: Path):
    file = tmp_path / "my.toml"
    file.write_text('profile = "mine"\n[llm]\nslots = 1\n')
    settings = Options(file, ("llm.slots=2",)).settings()
    assert (settings.profile, settings.llm.slots) == ("mine", 2)

"""Settings of the agent's turn."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from xy_core.agent.policy import Policy
from xy_core.core.config import StrictModel
from xy_core.modules.emotion import Emotion


class McpServerConfig(StrictModel):
    """A server of the Model Context Protocol whose tools the agent may call."""

    command: str = Field("", description="The program to start, which speaks over its pipes.")
    args: tuple[str, ...] = Field((), description="Its arguments.")
    env: dict[str, str] = Field(default_factory=dict, description="Its further environment.")
    url: str = Field("", pattern="^(https?://.+)?$", description="Its address, instead.")
    token_env: str = Field("", description="The environment variable that holds the URL's token.")
    tools: tuple[str, ...] = Field((), description="Tools that are offered; all of them if empty.")
    timeout: float = Field(20.0, gt=0, description="Seconds for a call, or for its start.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("an MCP server has either a command or a url")
        return self


class AgentConfig(StrictModel):
    """Who the agent is, and how much it takes into a turn."""

    name: str = Field("Xiaoyu", min_length=1, description="The agent's name.")
    language: Literal["auto", "en", "zh"] = Field(
        "auto", description="Language of the replies; auto follows the user."
    )
    recent_turns: int = Field(4, ge=0, le=100, description="Earlier messages in the prompt.")
    recall: int = Field(2, ge=0, le=50, description="Memories in the prompt.")
    context_timeout: float = Field(
        1.0, gt=0, description="Seconds that a module has to tell what it knows for a turn."
    )
    learn_facts: bool = Field(
        default=False,
        description="Whether the language model looks for lasting facts after a turn, when nothing "
        "else is to be done; models under a billion parameters find little.",
    )
    max_sentences: int = Field(3, ge=1, description="The reply ends after that many sentences.")
    speak: bool = Field(default=True, description="Whether replies are spoken as well.")
    policies: dict[Emotion, Policy] = Field(
        default_factory=dict,
        description="What to do about a feeling (mirror, soothe, cheer, steady), by feeling; "
        "what is missing goes by the default.",
    )
    correct: bool = Field(
        default=True,
        description="Whether replies are read by the sentence before they are shown, and begun "
        "again, or ended, where they leave the mood that is meant.",
    )
    own_words: Literal["all", "in_mood", "none"] = Field(
        "in_mood",
        description="Which of its own replies the model sees; small models copy their tone.",
    )
    country: str = Field(
        "auto",
        pattern="^(auto|any|[A-Z]{2})$",
        description="Country of the help lines (ISO 3166); auto follows the locale.",
    )
    reply_timeout: float = Field(120.0, gt=0, description="Seconds for the whole reply.")
    mcp: dict[str, McpServerConfig] = Field(
        default_factory=dict, description="MCP servers whose tools the agent may call, by name."
    )
    tool_calls: int = Field(4, ge=1, le=32, description="Tools that one turn may call.")
    tool_result: int = Field(
        4_000, ge=100, description="Characters of a tool's result that the model reads."
    )

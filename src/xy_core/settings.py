"""The one typed configuration: command line over environment over TOML file over defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import platformdirs
from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from xy_core.agent.config import AgentConfig
from xy_core.cluster.broker_config import BrokerConfig
from xy_core.cluster.config import ClusterConfig
from xy_core.core.config import (
    BusConfig,
    EngineConfig,
    HostedConfig,
    JournalConfig,
    LogConfig,
    SchedulerConfig,
    StrictModel,
)
from xy_core.core.errors import ConfigError
from xy_core.modules.emotion.config import EmotionConfig
from xy_core.modules.image.config import ImageConfig
from xy_core.modules.llm.config import LLMConfig
from xy_core.modules.memory.config import MemoryConfig
from xy_core.modules.vision.config import VisionConfig
from xy_core.modules.voice.config import VoiceConfig
from xy_core.server.config import ServerConfig

FILE_NAME = "xy-core.toml"


class ModelsConfig(StrictModel):
    """Where model files live."""

    root: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("xy-core") / "models",
        description="Folder of the installed models.",
    )
    catalogue: Path | None = Field(None, description="A catalogue file of your own, added to ours.")


class Settings(BaseSettings):
    """All settings; each section belongs to the layer that reads it."""

    model_config = SettingsConfigDict(
        env_prefix="XY_", env_nested_delimiter="__", extra="forbid", frozen=True
    )
    file_values: ClassVar[Mapping[str, Any]] = {}
    file: ClassVar[Path | None] = None
    """Where they were read from, if from a file."""

    modules: tuple[str, ...] = Field(
        ("voice", "vision", "memory", "emotion", "llm"), description="Modules that are loaded."
    )
    profile: str = Field("embedded", description="The set of models that is used.")
    offline: bool = Field(default=False, description="Never touch the network.")
    lang: Literal["auto", "en", "zh"] = Field("auto", description="Language of help and messages.")
    scheduler: SchedulerConfig = SchedulerConfig()
    bus: BusConfig = BusConfig()
    engine: EngineConfig = EngineConfig()
    journal: JournalConfig = Field(default_factory=JournalConfig)
    broker: BrokerConfig = BrokerConfig()
    cluster: ClusterConfig = ClusterConfig()
    log: LogConfig = LogConfig()
    models: ModelsConfig = Field(default_factory=ModelsConfig)
    agent: AgentConfig = AgentConfig()
    llm: LLMConfig = LLMConfig()
    voice: VoiceConfig = VoiceConfig()
    vision: VisionConfig = VisionConfig()
    image: ImageConfig = ImageConfig()
    memory: MemoryConfig = MemoryConfig()
    emotion: EmotionConfig = EmotionConfig()
    server: ServerConfig = Field(default_factory=ServerConfig)
    plugins: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Sections of modules from other packages, by name."
    )

    @model_validator(mode="after")
    def _nodes_for_isolation(self) -> Self:
        if self.cluster.address:
            return self
        for name in _MODULE_SECTIONS:
            section = getattr(self, name)
            if isinstance(section, HostedConfig) and section.isolation == "cluster":
                raise ValueError(f'{name}.isolation = "cluster" needs cluster.address')
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - fixed by pydantic-settings
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: the first that has a value wins."""
        from_file = InitSettingsSource(settings_cls, dict(cls.file_values))
        return (init_settings, env_settings, from_file)

    def sections(self) -> dict[str, Any]:
        """Return the configuration of each module, by the module's name."""
        own = {name: getattr(self, name) for name in _MODULE_SECTIONS}
        return own | self.plugins


_MODULE_SECTIONS = ("llm", "voice", "vision", "image", "memory", "emotion")


def load_settings(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the configuration.

    Args:
        file: the TOML file; if not given, the one that ``XY_CONFIG`` names, else
            ``xy-core.toml`` here or in the user's configuration folder, if there is one.
        overrides: values from the command line, nested as in the file.

    Raises:
        ConfigError: a file is missing or is not TOML, a key is unknown, a value does not fit.
    """
    path = file or _default_file()
    values = {} if path is None else _read_toml(path)
    own = {"file_values": values, "file": path, "__doc__": Settings.__doc__}
    source = type("FileSettings", (Settings,), own)
    try:
        settings: Settings = source(**(overrides or {}))
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from error
    except SettingsError as error:
        raise ConfigError(f"environment: {error}; {error.__cause__}") from error
    return settings


def _default_file() -> Path | None:
    named = os.environ.get("XY_CONFIG")
    if named:
        return Path(named)
    places = (Path(FILE_NAME), platformdirs.user_config_path("xy-core") / FILE_NAME)
    return next((place for place in places if place.is_file()), None)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))  # Notepad begins files with a BOM
    except FileNotFoundError as error:
        raise ConfigError(f"configuration file {path} does not exist") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"configuration file {path} is not valid TOML: {error}") from error


def _explain(error: ValidationError, path: Path | None) -> str:
    """Say in one line which key is wrong and why."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    where = f" (from {path}, the environment or the command line)" if path else ""
    if first["type"] == "extra_forbidden":
        return f"unknown configuration key {key!r}{where}: see  xy-core config show"
    return f"configuration key {key!r}{where}: {first['msg']}"

"""Settings of the server; imports nothing heavy, since every command reads the settings."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import platformdirs
from pydantic import ByteSize, Field, model_validator

from xy_core.core.config import StrictModel
from xy_core.server.realtime.config import RealtimeConfig

LOCAL_NAMES = ("localhost", "localhost.localdomain")


class LimitsConfig(StrictModel):
    """How much anybody may ask at a time; sizes are bytes, or text such as ``32MiB``."""

    body: ByteSize = Field(ByteSize(32 << 20), gt=0, description="One request's body.")
    all_bodies: ByteSize = Field(
        ByteSize(256 << 20), gt=0, description="Bodies of all requests together."
    )
    json_depth: int = Field(64, ge=1, le=200, description="Nesting of a JSON body.")
    header_bytes: int = Field(32_768, ge=1_024, description="One request's line and headers.")
    header_seconds: float = Field(10.0, gt=0, description="For a request's headers to arrive.")
    body_seconds: float = Field(60.0, gt=0, description="For a request's body to arrive.")
    idle_seconds: float = Field(30.0, gt=0, description="Between two requests of a connection.")
    send_seconds: float = Field(
        30.0, gt=0, description="That a reader may take no piece of a stream."
    )
    connections: int = Field(1_024, ge=1, description="Open connections.")
    connections_per_address: int = Field(512, ge=1, description="Those of one address.")
    requests: int = Field(512, ge=1, description="Requests that are served or wait at a time.")
    batch_requests: int = Field(
        128, ge=0, description="Requests in all above which batch work is refused."
    )
    per_minute: int = Field(6_000, ge=1, description="Requests of one key, or of one address.")
    failures_per_minute: int = Field(
        20, ge=1, description="Wrong keys of one address before it has to wait."
    )
    timeout: float = Field(600.0, gt=0, description="Longest request, in seconds.")


class ServerConfig(StrictModel):
    """Where the server listens, who may ask, and how much."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8765, ge=0, le=65_535, description="0 takes any free one.")
    hosts: tuple[str, ...] = Field(
        (), description="Names under which the server is called, beside localhost and addresses."
    )
    origins: tuple[str, ...] = Field(
        (), description="Other web pages that may call it (https://example.org); CORS is off else."
    )
    keys: Path = Field(
        default_factory=lambda: platformdirs.user_config_path("xy-core") / "keys.json",
        description="The file of API keys (hashes); see  xy-core keys.",
    )
    require_keys: bool = Field(
        default=False, description="Ask for a key on the loopback address too."
    )
    certfile: Path | None = Field(None, description="TLS certificate chain (PEM).")
    keyfile: Path | None = Field(None, description="TLS private key (PEM).")
    drain_seconds: float = Field(
        10.0, ge=0, description="That requests get to end when the server is stopped."
    )
    ping_seconds: float = Field(
        15.0, gt=0, description="Of silence after which a stream says that it is alive."
    )
    aliases: dict[str, str] = Field(
        default_factory=dict, description="Further names of models: gpt-4o-mini = xy-agent."
    )
    limits: LimitsConfig = LimitsConfig()
    realtime: RealtimeConfig = RealtimeConfig()

    @model_validator(mode="after")
    def _whole_tls(self) -> ServerConfig:
        if (self.certfile is None) != (self.keyfile is None):
            raise ValueError("server.certfile and server.keyfile go together")
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host.lower() in LOCAL_NAMES:
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

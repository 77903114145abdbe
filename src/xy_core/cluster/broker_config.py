"""Settings of the broker that carries events between engines."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from xy_core.core.config import StrictModel


class BrokerConfig(StrictModel):
    """The NATS server through which engines hear one another's events, and which events."""

    url: SecretStr | None = Field(
        None, description="Address of a NATS server (nats://… or tls://…); none: no events leave."
    )
    topics: tuple[str, ...] = Field(
        (), description="Patterns of the topics that are sent and taken, such as sensor.*."
    )
    subject: str = Field(
        "xy-core",
        pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
        max_length=200,
        description="What the topics' names begin with on the server.",
    )
    secret: SecretStr | None = Field(
        None, description="Signs events; those without its signature are dropped."
    )
    queue_size: int = Field(
        1_024, ge=1, description="Events that may wait in each direction; older ones are dropped."
    )
    max_payload: int = Field(
        1 << 18, ge=64, description="Bytes of one event; larger ones are dropped."
    )

    @model_validator(mode="after")
    def _of_use(self) -> Self:
        if self.url is not None:
            scheme = self.url.get_secret_value().partition("://")[0]
            if scheme not in ("nats", "tls", "ws", "wss"):
                raise ValueError("broker.url must begin with nats:// or tls://")
            if not self.topics:
                raise ValueError("broker.topics must name what is sent, such as ['sensor.*']")
        return self

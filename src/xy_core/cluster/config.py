"""Settings of the cluster."""

from __future__ import annotations

from pydantic import Field, field_validator

from xy_core.core.config import StrictModel


class ClusterConfig(StrictModel):
    """The Ray cluster that takes work from this program."""

    address: str = Field(
        "",
        description="auto (a node of it runs here), host:port of its head, or local; empty: none.",
    )
    namespace: str = Field(
        "xy-core",
        min_length=1,
        description="Ray's namespace, in which the actors have their names.",
    )
    slots: int = Field(
        16, ge=1, le=1_024, description="Calls to models on other nodes that run at a time."
    )

    autoscale: bool = Field(
        default=False,
        description="Tell Ray's autoscaler what waits in this program's lanes for other nodes.",
    )

    @field_validator("address")
    @classmethod
    def _of_a_node(cls, address: str) -> str:
        """Refuse Ray's client: it has no streams, and passes every array through the head."""
        if address.startswith("ray://"):
            raise ValueError(
                "Ray's client (ray://) cannot stream: let this machine join the cluster by "
                "ray start --address=HOST:6379 --num-cpus=0, and set cluster.address to auto"
            )
        return address

"""Settings of the cluster."""

from __future__ import annotations

from pydantic import Field

from xy_core.core.config import StrictModel


class ClusterConfig(StrictModel):
    """The Ray cluster that takes work from this program, and what each model asks of a node."""

    address: str = Field(
        "", description="auto, local, or ray://host:port; empty: this machine alone."
    )
    model_cpus: float = Field(1.0, ge=0, description="CPUs that a model's actor reserves.")
    model_gpus: float = Field(0.0, ge=0, description="GPUs that a model's actor reserves.")
    model_memory: int = Field(0, ge=0, description="Bytes that a model's actor reserves; 0: none.")

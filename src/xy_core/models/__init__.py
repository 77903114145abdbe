"""The model catalogue, and the store of model files."""

from xy_core.models.catalogue import Catalogue, CatalogueEntry, ModelFile, bundled_catalogue
from xy_core.models.device_plan import DevicePlan, on_processor, plan_device
from xy_core.models.plan import PlannedModel, plan_model
from xy_core.models.progress import Progress
from xy_core.models.space import free_bytes
from xy_core.models.store import InstalledModel, ModelStore

__all__ = [
    "Catalogue",
    "CatalogueEntry",
    "DevicePlan",
    "InstalledModel",
    "ModelFile",
    "ModelStore",
    "PlannedModel",
    "Progress",
    "bundled_catalogue",
    "free_bytes",
    "on_processor",
    "plan_device",
    "plan_model",
]

"""The model catalogue, and the store of model files."""

from xy_core.models.catalogue import Catalogue, CatalogueEntry, ModelFile, bundled_catalogue
from xy_core.models.download import Progress
from xy_core.models.space import free_bytes
from xy_core.models.store import InstalledModel, ModelStore

__all__ = [
    "Catalogue",
    "CatalogueEntry",
    "InstalledModel",
    "ModelFile",
    "ModelStore",
    "Progress",
    "bundled_catalogue",
    "free_bytes",
]

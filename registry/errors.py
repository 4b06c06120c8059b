"""What can go wrong with the registry."""

from __future__ import annotations

from earshot.errors import EarshotError


class RegistryError(EarshotError):
    """MLflow cannot be reached, holds no such version, or holds another than it says."""


class UnreachableError(RegistryError):
    """MLflow does not answer, or is in trouble itself: asked again later, it may well."""


class PromotionError(EarshotError):
    """A promotion or rollback that cannot be carried out as asked for."""

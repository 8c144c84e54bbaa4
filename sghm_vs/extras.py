"""Optional packages: import one, or say what to type to have it."""

from __future__ import annotations

import importlib
from types import ModuleType

from sghm_vs.errors import MissingPackageError


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """
    Return the imported `module`.

    Raises:
        MissingPackageError: It is not installed; the message names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = f"{purpose} needs {module}, which is not installed; pip install 'sghm-vs[{extra}]'"
        raise MissingPackageError(msg) from error

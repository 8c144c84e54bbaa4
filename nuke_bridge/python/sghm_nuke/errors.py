"""What the bridge refuses or fails at."""

from __future__ import annotations


class BridgeError(Exception):
    """Its message is for the artist: what was found, what is needed, what to do."""


class CancelledError(BridgeError):
    """The artist ended it before the process began."""

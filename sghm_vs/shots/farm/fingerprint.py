"""What decides a frame's bytes besides the frame and its settings; see contract 1 in the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sghm_vs.errors import FarmError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A worker: workers that are alike make the same bytes."""

    model: str
    weights_sha256: str
    backend: str
    precision: str
    device: str
    """The model of the GPU; of the CPU, with the instructions that torch uses."""
    is_gpu: bool
    threads: int
    """Frames at once on a CPU, each on one core."""
    packages: Mapping[str, str]
    """Versions of all that has a part in the pixels."""

    def differences(self, other: Fingerprint) -> list[str]:
        """Return what differs, in words: how it is here, and how there."""
        mine, theirs = _flat(self), _flat(other)
        names = sorted({*mine, *theirs})
        return [
            f"{name} is {mine.get(name, 'missing')} and not {theirs.get(name, 'missing')}"
            for name in names
            if mine.get(name) != theirs.get(name)
        ]


def refuse_other(here: Fingerprint, planned: Fingerprint) -> None:
    """
    Refuse a worker that is not as planned.

    Raises:
        FarmError: Its frames might differ in a bit.
    """
    if differences := here.differences(planned):
        msg = (
            f"this worker is not as planned: {'; '.join(differences)}; its frames might differ by "
            "a bit. Plan for it (sghm farm plan --worker), or allow it with --mixed"
        )
        raise FarmError(msg)


def _flat(one: Fingerprint) -> dict[str, str]:
    plain = asdict(one)
    packages: Mapping[str, str] = plain.pop("packages")
    return {name: str(value) for name, value in (plain | dict(packages)).items()}

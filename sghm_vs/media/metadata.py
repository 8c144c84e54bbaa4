"""What footage says of itself besides its pixels, for outputs to carry on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from sghm_vs.media.timecode import Timecode

DATA_WINDOW = "SghmDataWindow"
"""Frame prop: the data window of an EXR plate, first column and row, last column and row."""
DISPLAY_WINDOW = "SghmDisplayWindow"
"""Frame prop: the display window of an EXR plate, as `DATA_WINDOW`."""
PICTURE_WINDOW = "SghmPictureWindow"
"""Frame prop: where the clip's picture lies in the plate's coordinates, as `DATA_WINDOW`."""
WINDOWS = [DATA_WINDOW, DISPLAY_WINDOW, PICTURE_WINDOW]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the frames of a clip come from."""

    file: str = ""
    """The name of the footage's file or sequence, without folders."""
    first_frame: int = 0
    """The source's number of clip frame 0."""
    timecode: Timecode | None = None
    """Of clip frame 0."""
    reel: str = ""
    sound: Path | None = None
    """A movie whose sound goes with the frames."""
    sound_start: Fraction = Fraction(0)
    """Seconds into that movie at which clip frame 0 is shown."""

    def at(self, frames: int, rate: Fraction) -> Origin:
        """Return the origin of a clip cut to begin `frames` later, at `rate` frames a second."""
        return replace(
            self,
            first_frame=self.first_frame + frames,
            timecode=None if self.timecode is None else self.timecode + frames,
            sound_start=self.sound_start + (Fraction(frames) / rate if rate else 0),
        )

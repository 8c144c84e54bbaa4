"""Movies with packets that say no more than: show the last frame again; and a JPEG XL that moves."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from av.packet import Packet

VOP = b"\x00\x00\x01\xb6"
GROUP = b"\x00\x00\x01\xb3"
DIVX_5 = b"\x00\x00\x01\xb2DivX503b1393p"
"""Whose frames come in packets of two."""
RATE = 25
MOVING_JXL = base64.b64decode("/wpBBE0AICYIAAEAGABLGIsVggEIAAUAPABLGIsVgF3W/wAoUp6aQAI=")
"""Two frames of 8x8, by libjxl."""


def code_of(n: int) -> int:
    """Return the luma of frame `n` in movies that are made here."""
    return 40 + 4 * n


def ffmpeg(*words: object) -> Path:
    """Run ffmpeg, and return its last word: the file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return Path(str(words[-1]))


def write_mpeg4(path: Path, gone: Collection[int], frames: int = 40) -> Path:
    """Write MPEG-4 part 2 in which the packets `gone` are VOPs that aren't coded."""
    with av.open(str(path), "w") as movie:
        packets = _coded(movie, shown_without(gone, frames), bf=0)
        for n, packet in enumerate(packets):
            movie.mux(_with(packet, _not_coded(packet)) if n in gone else packet)
    return path


def shown_without(gone: Collection[int], frames: int) -> list[int]:
    """Return which frame each shows where that of `gone` is the one before."""
    return [max(m for m in range(n + 1) if m not in gone) for n in range(frames)]


def write_packed(path: Path, frames: int = 41) -> Path:
    """Write a movie as DivX 5 does: a B-frame in the packet of the frame behind it, then nothing."""
    with av.open(str(path), "w") as movie:
        packets = _coded(movie, range(frames), bf=1)
        first = bytes(packets[0])
        head = first.index(GROUP if GROUP in first else VOP)
        contents = [first[:head] + DIVX_5 + first[head:]]
        for packet, following in zip(packets[1::2], packets[2::2], strict=True):
            contents += [bytes(packet) + bytes(following), _not_coded(packet)]
        for place, content in enumerate(contents):
            packet = _with(packets[0], content)
            packet.pts = packet.dts = place
            packet.is_keyframe = place == 0
            movie.mux(packet)
    return path


def _coded(movie: av.container.OutputContainer, shown: Sequence[int], bf: int) -> list[Packet]:
    """Return pictures of these numbers as packets in order of decoding, `bf` B-frames in a row."""
    options = {
        "bf": str(bf),
        "g": "300",
        "qmin": "1",
        "qmax": "1",
        "b": "9000000",
        "b_strategy": "0",
    }
    stream = movie.add_stream("mpeg4", rate=RATE, options=options)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    packets: list[Packet] = []
    for n in shown:
        picture = np.full((72, 64), 128, np.uint8)
        picture[:48] = code_of(n)
        packets += stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p"))
    return [*packets, *stream.encode()]


def _not_coded(packet: Packet) -> bytes:
    """
    Return what says that the frame of `packet` is the one before.

    Source:
        ISO/IEC 14496-2, 6.2.5: type, seconds in ones and a zero, marker, part of a second, marker,
        whether it is coded; then a zero and ones to the end of the byte.
    """
    data = bytes(packet)
    at = data.index(VOP) + len(VOP)
    bits = "".join(f"{byte:08b}" for byte in data[at : at + 8])
    end = bits.index("0", 2) + 2 + (RATE - 1).bit_length() + 1
    coded = "01" + bits[2:end] + "00"
    coded += "1" * (-len(coded) % 8)
    return VOP + int(coded, 2).to_bytes(len(coded) // 8, "big")


def _with(packet: Packet, content: bytes) -> Packet:
    """Return a packet at the place of `packet`."""
    made = Packet(content)
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.time_base, made.stream = packet.time_base, packet.stream
    return made

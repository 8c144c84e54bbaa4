"""AVI files with empty chunks, which say: show the last frame again."""

import struct
from pathlib import Path


def with_null_frames(path: Path, gone: set[int]) -> Path:
    """Leave these chunks of the AVI at `path` empty: the frame before is shown again."""
    data = path.read_bytes()
    movi = data.index(b"movi")
    (size,) = struct.unpack("<I", data[movi - 4 : movi])
    at, n, chunks, index = movi + 4, 0, b"", b""
    while at < movi + size:
        name, (length,) = data[at : at + 4], struct.unpack("<I", data[at + 4 : at + 8])
        content = data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
        if name[2:] == b"dc":
            content, n = b"" if n in gone else content, n + 1
        index += name + struct.pack("<III", 16, 4 + len(chunks), len(content))
        chunks += name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    body = b"LIST" + struct.pack("<I", 4 + len(chunks)) + b"movi" + chunks
    made = data[: movi - 8] + body + b"idx1" + struct.pack("<I", len(index)) + index
    path.write_bytes(made[:4] + struct.pack("<I", len(made) - 8) + made[8:])
    return path

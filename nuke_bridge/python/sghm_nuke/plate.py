"""What a node looks at: files that `sghm` can read as they are, or frames to render first."""

from __future__ import annotations

import os
from typing import Optional, Tuple

import nuke

from .command import Plate
from .errors import BridgeError, CancelledError

MOVIES = (".mov", ".mp4", ".m4v", ".mxf", ".avi", ".mkv", ".webm")
PICTURES = (".exr", ".dpx", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga")

CURVES = {
    "linear": "linear",
    "srgb": "srgb",
    "rec709": "rec709",
    "alexav3logc": "logc3",
}
"""Nuke's own color spaces that mean the same to `sghm`; others are rendered into linear light."""
MANAGED_BY_NUKE = "nuke"


def direct(node: nuke.Node, first: int, last: int, colorspace: Optional[str]) -> Optional[Plate]:
    """
    Return the files that `node` shows in frames `first` to `last`; None if they must be rendered.

    Only a Read is as good as its files, and only one that neither moves nor holds frames.

    Args:
        node: What the bridge's node looks at.
        first: The first frame.
        last: The last one.
        colorspace: What the codes mean, if the artist says so.
    """
    read = past_dots(node)
    if read is None or read.Class() != "Read" or not _is_plain(read):
        return None
    file = nuke.filename(read)
    kind = os.path.splitext(file or "")[1].lower()
    space = colorspace or _colorspace(read)
    if not file or "%v" in file.lower() or kind not in MOVIES + PICTURES or space is None:
        return None
    if first < read["first"].value() or last > read["last"].value():
        return None
    return Plate(file, first, last, 1 if kind in MOVIES else 0, space)


def past_dots(node: Optional[nuke.Node]) -> Optional[nuke.Node]:
    """Return the node that `node` passes on unchanged; itself, if it is no dot."""
    while node is not None and node.Class() == "Dot":
        node = node.input(0)
    return node


def _is_plain(read: nuke.Node) -> bool:
    # A frame's number may be computed, shifted or made to start elsewhere.
    return not read["frame"].value() and not read["disable"].value()


def _colorspace(read: nuke.Node) -> Optional[str]:
    if not is_managed_by_nuke():
        return None
    if read["raw"].value():
        return CURVES["linear"]
    said = str(read["colorspace"].value()).lower()
    # "default (sRGB)" is how Nuke shows what it chose by itself.
    chosen = said[said.find("(") + 1 : -1] if said.startswith("default (") else said
    return CURVES.get(chosen)


def is_managed_by_nuke() -> bool:
    """Return whether color is Nuke's own affair, and not OpenColorIO's."""
    return str(nuke.root()["colorManagement"].value()).lower() == MANAGED_BY_NUKE


def working_space() -> str:
    """
    Return `sghm`'s word for the space that Nuke works in, for what is rendered.

    Raises:
        BridgeError: It isn't known.
    """
    said = str(nuke.root()["workingSpaceLUT"].value()).lower()
    if is_managed_by_nuke():
        return CURVES["linear"]
    config = str(nuke.root()["OCIO_config"].value()).lower()
    if "acescg" in said or (said == "scene_linear" and "aces" in config):
        return "acescg"
    if "linear" in said and ("709" in said or "srgb" in said):
        return "linear"
    raise BridgeError(
        "the working space %r is not known to sghm; say what it is in the knob Color space, for "
        "example acescg or linear" % said
    )


def render(node: nuke.Node, channels: str, folder: str, frames: Tuple[int, int]) -> str:
    """
    Render `channels` of `node`, as Nuke works with them, and return the files' name with %04d.

    Raises:
        CancelledError: The artist cancelled it.
        BridgeError: Nuke can't render it.
    """
    os.makedirs(folder, exist_ok=True)
    file = os.path.join(folder, channels + ".%04d.exr").replace("\\", "/")
    proxy = nuke.root()["proxy"]
    was_proxy = proxy.value()
    with node.parent():
        write = nuke.nodes.Write(name="sghm_render")
    try:
        proxy.setValue(False)
        write["file"].setValue(escaped(file))
        write["file_type"].setValue("exr")
        write["channels"].setValue(channels)
        write["raw"].setValue(True)
        write["datatype"].setValue("16 bit half")
        write.setInput(0, node)
        nuke.execute(write, frames[0], frames[1])
    except RuntimeError as error:
        # There is no class of its own for it in every Nuke.
        if "cancel" in str(error).lower():
            raise CancelledError("cancelled") from error
        raise BridgeError("%s can't be rendered: %s" % (node.name(), error)) from error
    finally:
        nuke.delete(write)
        proxy.setValue(was_proxy)
    return file


def escaped(path: str) -> str:
    """Return `path` for a knob in which Nuke computes what stands in brackets."""
    for each in "\\[]$":
        path = path.replace(each, "\\" + each)
    return path

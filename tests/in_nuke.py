"""
What runs inside a real Nuke, without windows: Nuke15.1 -t tests/in_nuke.py FOLDER NODE.gizmo...

FOLDER holds plate.1001.exr and plate.1002.exr, and gets what the bridge's node makes of them; what
was found is printed as JSON. Python 3.7 and later. `tests/test_in_nuke.py` runs it.
"""

import json
import os
import sys

import nuke

BRIDGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "nuke_bridge")


def main(folder, gizmos):
    """Matte a plate with the node, show it by Nuke, and load every comp and gizmo."""
    for part in ("python", "gizmos"):
        nuke.pluginAddPath(os.path.join(BRIDGE, part).replace("\\", "/"))
    sys.path.insert(0, os.path.join(BRIDGE, "python"))
    from sghm_nuke import jobs

    nuke.root()["name"].setValue(folder + "/shot.nk")
    read = nuke.nodes.Read(name="Plate", first=1001, last=1002)
    read["file"].setValue(folder + "/plate.%04d.exr")
    node = nuke.createNode("SGHM_Matte", inpanel=False)
    node.setInput(0, read)
    node["tr"].setValue(0)
    node["device"].setValue("cpu")
    matted = jobs.matte(node)
    write = nuke.nodes.Write(file_type="exr", channels="alpha", raw=True, name="Shown")
    write["file"].setValue(folder + "/shown.%04d.exr")
    write.setInput(0, node)
    nuke.execute(write, 1001, 1002)
    loaded = [loads(file) for file in comps() + gizmos]
    print(
        "FOUND " + json.dumps({"matted": matted, "said": node["message"].value(), "loaded": loaded})
    )


def comps():
    """Return the comps of the bridge."""
    folder = os.path.join(BRIDGE, "ToolSets", "SGHM")
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def loads(file):
    """Return a file's name and how many nodes it brings."""
    before = len(nuke.allNodes())
    nuke.loadToolset(file.replace("\\", "/"))
    return os.path.basename(file), len(nuke.allNodes()) - before


main(sys.argv[-2], [sys.argv[-1]])

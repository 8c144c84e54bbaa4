"""What Nuke loads at its start with windows: the menu SGHM among the nodes."""

import os

import nuke

FOLDER = os.path.dirname(os.path.abspath(__file__))
COMPS = os.path.join(FOLDER, "ToolSets", "SGHM")


def load_comp(name):
    # type: (str) -> None
    """Put the comp called `name` into the graph."""
    nuke.loadToolset(os.path.join(COMPS, name + ".nk").replace("\\", "/"))


def matte_selected():
    # type: () -> None
    """Open the dialog, which is loaded only then."""
    from sghm_nuke import panel

    panel.matte_selected()


def add_menu():
    # type: () -> None
    """Add the menu: the node, the dialog, and a comp for each layout of EXR."""
    menu = nuke.menu("Nodes").addMenu("SGHM")
    menu.addCommand("SGHM Matte", lambda: nuke.createNode("SGHM_Matte"))
    menu.addCommand("Matte selected...", matte_selected)
    for file in sorted(os.listdir(COMPS)):
        name = os.path.splitext(file)[0]
        menu.addCommand("Comp/" + name, lambda name=name: load_comp(name))


add_menu()

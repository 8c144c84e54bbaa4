"""The bridge's files that are written by our own writer: `python -m tests.nuke_files` writes them."""

from pathlib import Path

from sghm_vs.hosts.nuke import comps
from sghm_vs.hosts.nuke.gizmo import bridge_node
from sghm_vs.hosts.nuke.script import write, write_group
from sghm_vs.options import LAYOUTS

BRIDGE = Path(__file__).resolve().parents[1] / "nuke_bridge"


def contents() -> dict[Path, str]:
    """Return what each file holds."""
    made = {BRIDGE / "gizmos" / "SGHM_Matte.gizmo": write_group(bridge_node())}
    for layout in (name for name, row in LAYOUTS.items() if not row.needs_extra):
        made[BRIDGE / "ToolSets" / "SGHM" / f"{layout}.nk"] = write(comps.template(layout))
    return made


if __name__ == "__main__":
    for path, text in contents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

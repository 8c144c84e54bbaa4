"""What Nuke loads at its start, with and without windows: where the bridge's parts are."""

import nuke

nuke.pluginAddPath("./python")
nuke.pluginAddPath("./gizmos")

"""
Many shots: found, planned, matted one failing alone, and recorded in a manifest.

`footage` and `listing` find them, `shots` names them, `run` makes them in the processes of
`workers`, each of which calls a renderer.
"""

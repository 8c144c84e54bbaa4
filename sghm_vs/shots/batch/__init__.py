"""
Many shots: found, planned, matted one failing alone, and recorded in a manifest.

`find` and `lists` say where footage is, `requests` makes shots of it, `names` names them, `planner`
tells which are to be made. The `driver` makes them, for a batch (`run`) and for a farm, by workers
of a `pool`: `processes` of this machine, each of which calls a renderer (`render`), or an engine's.
"""

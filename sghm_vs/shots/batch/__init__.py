"""
Many shots: found, planned, matted one failing alone, and recorded in a manifest.

`find` and `lists` say where footage is, `requests` makes shots of it, `names` names them, `run` makes
them in the `processes`, each of which calls a renderer (`render`).
"""

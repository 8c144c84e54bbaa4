"""
Edits in and out: every clip of an edit becomes a shot, and mattes go back above their plates.

`read` reads, `find_media` finds what the clips show, `ranges` says which frames are matted,
`matte_edit` makes shots of them, `write` writes the edits with the mattes in them. OpenTimelineIO
reads and writes the formats.
"""

from importlib.util import find_spec

from sghm_vs.errors import MissingPackageError

if find_spec("opentimelineio") is None:
    msg = (
        "edits need opentimelineio, which is not installed: there are no wheels of it for Python "
        "3.14 and later; take Python 3.13 (uv venv --python 3.13), or with a C++ compiler build it: "
        "pip install opentimelineio otio-fcp-adapter"
    )
    raise MissingPackageError(msg)

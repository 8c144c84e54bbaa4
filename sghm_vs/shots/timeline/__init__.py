"""
Edits in and out: every clip of an edit becomes a shot, and mattes go back above their plates.

`edit` reads, `media` finds what the clips show, `shots` says which frames are matted, `output`
writes the edits with the mattes in them. OpenTimelineIO reads and writes the formats.
"""

"""
Edits in and out: every clip of an edit becomes a shot, and mattes go back above their plates.

`read` reads, `find_media` finds what the clips show, `ranges` says which frames are matted,
`matte_edit` makes shots of them, `write` writes the edits with the mattes in them. OpenTimelineIO
reads and writes the formats.
"""

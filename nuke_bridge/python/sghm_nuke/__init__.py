"""
The bridge between Nuke and `sghm`, which runs as a process of its own.

    node      knobs -> request; what became of it -> knobs
    plate     what the node looks at: a file as it is, or frames to render first
    command   request -> the words of a command line
    launch    which `sghm`, in which environment
    process   one run of it: progress, log, cancel
    changes   whether anything changed since the last run
    jobs      a run from the button to the result
    panel     settings once, for every selected node

Runs in Nuke's own Python, 3.7 or later, and imports nothing but that, Nuke and itself.
"""

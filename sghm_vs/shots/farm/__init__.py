"""
A show cut into chunks, and made by many machines to the same bytes as by one.

`planning` makes the plan, `plan` is its file, `job` a shot of it as workers take it, `run` the
making, by the driver of `sghm_vs.shots.batch`, `assemble` its end. `plan`, `chunks`, `fingerprint`
and the engines that write scripts load neither torch nor VapourSynth.
"""

"""
What workers of a farm do: make a chunk, and make a shot whole once all of its chunks are there.

`job` is a planned shot as workers take it, `machine` what a worker is, `assembly` the end of a shot.
"""

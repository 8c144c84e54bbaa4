"""
A show cut into chunks, and what farms read of it: plans, commands, scripts, templates, costs.

Pure: nothing here loads torch or VapourSynth. `workers` does what a plan says.
"""

"""A frame's way on the CPU, in arrays: what runs a network's graphs needs no torch."""

"""What runs a plan: Ray, Slurm, Open Job Description, a session's worker."""

ENGINES = ("ray",)
"""Modules that have `open_pool`; see `base.WorkerPool`."""

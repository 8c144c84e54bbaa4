"""What runs a plan: Ray, Slurm, Open Job Description, a session's worker."""

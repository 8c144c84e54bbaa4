"""What is measured by developers: `python -m benchmarks`. In the repository, not in the wheel."""

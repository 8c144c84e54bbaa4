"""A shot, stills, and many shots: batches, timelines and farms."""

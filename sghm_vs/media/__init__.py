"""Footage is read, and deliveries are written and verified."""

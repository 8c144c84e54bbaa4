"""What was written is read back and compared with what was sent."""

"""The steps of a frame: pure functions on tensors, none of which knows another."""

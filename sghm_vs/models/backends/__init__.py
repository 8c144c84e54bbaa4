"""What runs a network: torch, OpenVINO, CUDA graphs; and on which device and stream."""

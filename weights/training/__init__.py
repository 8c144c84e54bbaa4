"""The recipe that makes `weights/sghm-lite.safetensors`; see the README beside this file."""

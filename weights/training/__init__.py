"""The recipe that makes `weights/sghm-lite-10.safetensors`; see the README beside this file."""

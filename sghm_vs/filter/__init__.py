"""The VapourSynth functions: clips in, clips out."""

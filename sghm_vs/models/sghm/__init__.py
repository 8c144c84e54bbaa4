"""SGHM: the encoder, the decoders, and the two networks made of them."""

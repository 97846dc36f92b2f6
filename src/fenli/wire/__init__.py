"""API formats as codecs: bytes in, what they mean out. No I/O, no vendor."""

"""Log formats: lines of bytes become columns of raw values and the decoders that read them."""

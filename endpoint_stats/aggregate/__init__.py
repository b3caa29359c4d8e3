"""Hit -> Delta: sketches, packed words, tables and the fold. Pure Python and numpy; knows no Django."""

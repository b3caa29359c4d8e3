"""The pages of the core: parse, one call, render."""

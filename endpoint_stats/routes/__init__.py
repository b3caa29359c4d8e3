"""path -> route. ``rules`` knows no Django."""

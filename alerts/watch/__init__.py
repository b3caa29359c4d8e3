"""Rules are evaluated: what they need is read, what it means is decided (alerts/evaluate), what came of it is kept."""

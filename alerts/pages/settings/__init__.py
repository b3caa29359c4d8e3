"""Settings of a project: who is told, how, and when not."""

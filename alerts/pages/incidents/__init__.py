"""Incidents, one of them, and the feed."""

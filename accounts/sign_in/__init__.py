"""Signing up and in: what django-allauth is told, limits on guessing, sessions that end."""

"""Channels: how people and other systems are told. A folder each; ``registry`` lists them, docs/channels.md tells how
to set them up and how to add one. They work on plain values and know no database."""

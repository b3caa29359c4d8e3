"""The developers' area: traffic simulator and inspectors. May know every app; no app knows it."""

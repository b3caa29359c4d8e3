"""The REST API of alerts: parse, one call of ``alerts.api``, render."""

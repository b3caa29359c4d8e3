"""Pages of alerts and news."""

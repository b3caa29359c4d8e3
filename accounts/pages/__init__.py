"""Pages of the user area: an account's own, and a project's settings."""

"""Who is told of what, when, and that they are: suppression, the outbox, deliveries."""

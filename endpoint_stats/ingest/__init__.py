"""bytes -> Hit: sources, steps, limits, ledger."""

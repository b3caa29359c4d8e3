"""Changes that people and programs make: checked, noted in the audit log, in one transaction each."""

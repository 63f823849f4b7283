"""Run one row of the ledger, from its lease to its publication."""

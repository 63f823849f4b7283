"""The read API, /api/v1: what the ledger knows, as JSON and CSV, for whoever may see it."""

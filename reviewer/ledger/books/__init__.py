"""Read-only queries over the ledger: every one names what its asker may see, a stretch of time and a page."""

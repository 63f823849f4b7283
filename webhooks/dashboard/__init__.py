"""The dashboard: pages over the ledger for people who sign in with GitHub."""

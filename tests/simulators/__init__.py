"""Servers that stand in for what cannot be here: paid model providers, each behind a real socket."""

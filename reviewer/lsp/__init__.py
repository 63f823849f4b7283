"""The language server: findings of the repository's uncommitted change as diagnostics in an editor."""

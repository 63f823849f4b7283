"""What Prometheus is told: read from the ledger and the queue when it asks, so that no process keeps a file."""

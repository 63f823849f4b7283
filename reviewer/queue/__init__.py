"""The queue: RQ, its records and the embedded Redis server. Nothing else uses RQ."""

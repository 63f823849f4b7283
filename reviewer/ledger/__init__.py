"""The truth: reviews, calls, cost, reservations."""

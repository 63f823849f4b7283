"""Keep the record of reviews, calls, cost and reservations."""

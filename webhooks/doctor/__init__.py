"""`kilo-review doctor`: look at a set-up part by part, and name for each fault what to do."""

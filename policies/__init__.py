"""Decisions without I/O: what may be reviewed, by which model, for how much."""

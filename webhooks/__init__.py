"""The HTTP face: intake of deliveries and pages for people."""

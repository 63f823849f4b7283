"""Read single strings: invisible characters, secrets in addresses, values that count as secrets. Pure."""

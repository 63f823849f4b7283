"""Read source text: grammars, symbols, imports, which files are tests."""

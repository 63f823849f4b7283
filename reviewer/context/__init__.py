"""From git objects to ranked snippets inside a token budget."""

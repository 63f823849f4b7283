"""Review one pull request with a token: in a workflow of GitHub Actions, or from a terminal."""

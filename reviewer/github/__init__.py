"""The only user of PyGithub."""

"""Performance and quality harness: `python -m bench` lists what there is, `python -m bench NAME` runs one."""

"""Scripts that make shipped data: mined rows, fitted weights. Run one as `python -m bench.fit.NAME`."""

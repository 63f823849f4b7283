"""The steps of a review, one file a step; `reviewer/pipeline.py` calls them in order."""

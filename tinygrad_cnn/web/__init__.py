"""Pages of a run, for a browser on this machine: the report of a training, and a page to play with its network."""

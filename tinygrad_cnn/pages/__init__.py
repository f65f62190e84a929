"""Pages for a browser on this machine: the report of a training, a live view, and a page to play with a network."""

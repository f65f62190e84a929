"""Training on several processes, measured: accuracy with rare exchanges, scaling, and what happens when ranks die."""

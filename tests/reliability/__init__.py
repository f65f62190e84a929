"""What runs survive, tried out: `python -m tests.reliability`."""

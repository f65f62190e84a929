"""The compiled twin of the engine's call path, in C; `core/compiled.py` loads it."""

"""The benchmark: this package and its rivals, each in a process of its own, in turn, on the same work.

    tinygrad-cnn bench --quick
    tinygrad-cnn bench --python pytorch=/path/to/python --json results.json --pictures pictures

A *side* is a framework in one setting (`sides/`), a *case* is a piece of work that several sides do (`cases`), a
*worker* is the process in which a side does it (`worker`).  A side may live in another virtual environment, in which
tinygrad_cnn is absent: the worker loads this folder by its path, and only `sides/ours.py` imports the package there.
"""

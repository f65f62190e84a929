"""``python -m benchmarks`` in a clone is the same as ``tinygrad-cnn bench``."""

from .command import bench

bench(prog_name="python -m benchmarks")

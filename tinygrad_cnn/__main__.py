"""``python -m tinygrad_cnn``: the same as the command ``tinygrad-cnn``."""

from .cli import main

if __name__ == "__main__":
    main()

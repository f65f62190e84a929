"""Boxes at random, for hypothesis: whole and broken coordinates, boxes without area, equal boxes."""

import numpy as np
from hypothesis import strategies as st

coordinate = st.one_of(st.integers(0, 6).map(float), st.floats(-50, 50, width=32))
pair = st.tuples(coordinate, coordinate).map(sorted)
box = st.tuples(pair, pair).map(lambda xy: (xy[0][0], xy[1][0], xy[0][1], xy[1][1]))


def boxes(least=0, most=8):
    return st.lists(box, min_size=least, max_size=most).map(lambda rows: np.array(rows, float).reshape(-1, 4))

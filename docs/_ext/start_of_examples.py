import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, nn, optim

train, test = data.digits()  # real digits of 8 x 8 pixels
images, labels = next(iter(data.DataLoader(train, 16)))
model = tg.models.build("lenet", (8, 8, 1), 10, rng=0)

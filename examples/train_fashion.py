"""Train ResNet-8 on the 60,000 pictures of Fashion-MNIST for three epochs: about 0.91 on the 10,000 of the test.

    python examples/train_fashion.py [--data-dir FOLDER] [--epochs 3] [--images N]

FOLDER holds the four IDX files.  Without it they are looked for where Debian's package dataset-fashion-mnist puts them,
/usr/share/datasets/fashion-mnist, then in the cache, then on the network.  Without installing that package:

    apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb fashion
    python examples/train_fashion.py --data-dir fashion/usr/share/datasets/fashion-mnist
"""

import argparse

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import data, optim
from tinygrad_cnn.data import transforms as T

parser = argparse.ArgumentParser()
parser.add_argument("--data-dir", help="the folder of the four files")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--images", type=int, help="train on the first N images only, test on as many")
options = parser.parse_args()

train, test = data.fashion_mnist(options.data_dir)
if options.images:
    train, test = (data.Subset(part, np.arange(min(options.images, len(part)))) for part in (train, test))

scale = T.Normalize(0.2860, 0.3530)
vary = T.Compose([T.RandomCrop(28, padding=1), T.RandomFlip(), scale])
loader = data.DataLoader(train, 128, shuffle=True, seed=0, transform=vary, prefetch=2)
held_out = data.DataLoader(test, 500, transform=scale)

model = tg.models.build("resnet8", (28, 28, 1), 10, rng=0)
optimizer = optim.SGD(model.parameters(), lr=0.4, momentum=0.9, nesterov=True, weight_decay=5e-4)
schedule = optim.OneCycleLR(optimizer, max_lr=0.4, total_steps=options.epochs * len(loader))
history = tg.fit(model, loader, validation=held_out, epochs=options.epochs, optimizer=optimizer, schedule=schedule)
print(f"accuracy {history['val_accuracy'][-1]:.4f}")

"""
Train in onnxruntime
====================

A training step is written to an ONNX file, and onnxruntime alone trains the digits network with it::

    python examples/train_in_onnxruntime.py [step.onnx]
"""

import sys

import numpy as np
import onnxruntime

import tinygrad_cnn as tg

path = sys.argv[1] if len(sys.argv) > 1 else "step.onnx"
EPOCHS, BATCH = 15, 32

# %%
# Gradients are ops here, so a whole step is an ordinary graph: the file takes a batch, the weights and what the
# optimiser remembers, and gives the loss and what all of these are after the step.

train, test = tg.data.digits()
model = tg.models.mnistnet(train.image_shape, 10, rng=0)
optimizer = tg.optim.Adam(model.parameters(), lr=2e-3)
step = tg.onnx.TrainingStep(model, tg.softmax_cross_entropy, optimizer)
tg.onnx.export(step, path, train.images[:2], train.labels[:2])

# %%
# From here on there are arrays and onnxruntime: no gradient is asked for, here or there.

session, state = onnxruntime.InferenceSession(path), step.state()
names, rng = [value.name for value in session.get_inputs()], np.random.default_rng(0)
for epoch in range(EPOCHS):
    order, losses = rng.permutation(len(train)), []
    for rows in np.split(order, range(BATCH, len(order), BATCH)):
        inputs = [train.images[rows], train.labels[rows], *state.values()]
        loss, *after = session.run(None, dict(zip(names, inputs, strict=True)))
        state = dict(zip(state, after, strict=True))
        losses.append(loss)
    print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}")

# %%
# The trained state goes back into the model.

step.load_state(state)
print(f"accuracy {tg.evaluate(model, test)['accuracy']:.4f}")

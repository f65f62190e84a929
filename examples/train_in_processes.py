"""
Train copies in processes
=========================

One network is trained with several step sizes at the same time, a process for each: models travel as pickles::

    python examples/train_in_processes.py
"""

import multiprocessing

import tinygrad_cnn as tg

RATES = (1e-4, 1e-3, 1e-2)


def train(model, lr):
    """Train a model, which is this process's own copy; return it with what it reaches on validation digits."""
    tg.set_num_threads(1)  # the processes share the cores
    digits, validation = tg.data.random_split(tg.data.digits()[0], [0.9, 0.1])
    tg.fit(model, digits, epochs=3, lr=lr, progress=False)
    return model, tg.evaluate(model, validation)["accuracy"]


# %%
# "spawn" starts each process afresh, on every system; it imports this file, so what starts the processes is guarded.

if __name__ == "__main__":
    start = tg.models.lenet((8, 8, 1), 10, rng=0)
    before = start.state_dict()
    with multiprocessing.get_context("spawn").Pool(len(RATES)) as pool:
        trained = pool.starmap(train, [(start, lr) for lr in RATES])
    for lr, (_, reached) in zip(RATES, trained, strict=True):
        print(f"lr {lr:<8g} {reached:.4f} on validation digits")
    assert all((start.state_dict()[name] == array).all() for name, array in before.items())  # copies were trained

    # what comes back are whole models, to be used, saved or trained further
    best, _ = max(trained, key=lambda pair: pair[1])
    test = tg.data.digits()[1]
    print(f"accuracy {tg.evaluate(best, test)['accuracy']:.4f} on {len(test)} digits that it never saw")

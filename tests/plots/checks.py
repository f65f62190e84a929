"""What tests of several pictures check."""


def state_of(model):
    """All of a model that a picture must leave as it was."""
    flags = [m.training for m in model.modules()]
    draws = [str(rng.bit_generator.state) for rng in model.generators()]
    grads = [None if p.grad is None else p.grad.tobytes() for p in model.parameters()]
    return {k: v.tobytes() for k, v in model.state_dict().items()}, flags, draws, grads


def check_bounds(figure, tmp_path):
    """Check that all of a figure's words and pictures are on the page, which is saved as readers save it."""
    figure.savefig(tmp_path / "a.png")
    width, height = figure.canvas.get_width_height()
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
    assert width == 600

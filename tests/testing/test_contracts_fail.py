"""Each contract can be broken: for each, an op that breaks it and no other before it."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autodiff.batching import elementwise
from tinygrad_cnn.testing import ContractError, Sample, booleans, check_op, positive
from tinygrad_cnn.testing.contracts import CONTRACTS

TWO = (2, 3)


@pytest.fixture
def user_op():
    """Registers `fn` as the op `mine`, with what every op must have; and takes it out again."""

    def register(fn, *, rules=None, **options):
        fn.__name__, fn.__doc__ = "mine", "A test.  x (...) -> (...)"
        options = {"samples": [Sample(x=TWO)], "ref": fn} | options
        return tg.op(**options)(fn).vjp(**(rules or {"x": lambda g: g * 2.0}))

    yield register
    tg.registry.pop("mine", None)


def double(x):
    return x * 2


def test_good_op_passes_and_is_reported(user_op):
    report = check_op(user_op(lambda x: np.sin(x), rules={"x": lambda g, x: g * tg.cos(x)}, floating=["x"], numpy=[]))
    assert report.name == "mine"
    assert report.kept == ("x",)
    assert set(report.counts) == {"documented", *CONTRACTS}
    assert report.counts["gradients"] >= 9
    assert f"mine: {report.checks} checks hold; keeps x" in str(report)


def test_orders_are_taken_and_checked(user_op):
    op = user_op(double)
    counts = [check_op(op, orders=orders).counts["gradients"] for orders in [(1,), (1, 2), (1, 2, 3)]]
    assert counts[0] < counts[1] < counts[2]
    with pytest.raises(TypeError, match="check_op: needs an op, such as tg.conv2d, got"):
        check_op(np.tanh)
    for bad in ((), (0,)):
        with pytest.raises(ValueError, match="check_op: orders"):
            check_op(op, orders=bad)


def broken(op, contract, message):
    with pytest.raises(ContractError, match=rf"mine: the contract '{contract}' is broken on Sample\((?s:.*){message}"):
        check_op(op)


def test_reference_differs(user_op):
    broken(user_op(double, ref=lambda x: x * 2 + 1e-6), "equals its reference", "expected")
    broken(user_op(double, ref=lambda x: x[None] * 2), "equals its reference", r"shape \(2, 3\), expected \(1, 2, 3\)")


def test_what_is_missing_is_listed_and_all_else_checked(user_op):
    op = user_op(double, ref=None, linear=["x"])
    op.__doc__ = None
    report = check_op(op)
    assert report.counts["gradients"] and not report.counts["equals its reference"]
    assert [text.partition(":")[0].partition(",")[0] for text in report.missing] == [
        "a reference", "shapes in its docstring"
    ]  # fmt: skip
    assert "missing: a reference: @tg.op(ref=...)" in str(report)
    with pytest.raises(ContractError, match="'documented' is broken. It demands: Samples, a reference, and shapes"):
        check_op(op, strict=True)


def test_messages_say_what_a_contract_demands(user_op):
    broken(user_op(double, rules={"x": lambda g: g * 3.0}), "gradients", "It demands: Gradients in all floating inputs")


def test_kinks_that_are_not_declared(user_op):
    def kinked(x):
        return np.where(x > 0.5, x, 3 * x)

    rules = {"x": lambda g, x: tg.where(x > 0.5, g, 3 * g)}
    broken(user_op(kinked, rules=rules), "pieces are declared", r"jumps by .* Declare its pieces")
    check_op(user_op(kinked, rules=rules, branches=lambda x: x > 0.5))


def test_jumps_that_are_not_declared(user_op):
    def stepped(x):
        return x + np.floor(x)

    broken(user_op(stepped, rules={"x": lambda g: g}), "pieces are declared", "jumps by 1 between two values of x")


def test_poles_and_steep_slopes_are_no_jumps(user_op):
    for fn, rule in (
        (lambda x: 1 / (x - 0.3), lambda g, x: -g / (x - 0.3) ** 2),
        (lambda x: np.tanh(1e4 * x), lambda g, y: g * (1e4 * (1 - y * y))),
    ):
        op = user_op(fn, rules={"x": rule}, samples=[Sample(x=positive(4))], floating=["x"])
        assert check_op(op).counts["pieces are declared"]


def test_linear_ops_that_are_not_exact(user_op):
    almost = user_op(double, rules={"x": lambda g: g * (2 + 1e-15)}, linear=["x"])
    broken(almost, "exact where linear", "between whole numbers. is wrong")
    tg.registry.pop("mine")
    eleventh = user_op(lambda x: x / 11, rules={"x": lambda g: g / 11}, linear=["x"], floating=["x"])
    broken(eleventh, "exact where linear", "not a whole number")
    tg.registry.pop("mine")
    with pytest.raises(ContractError, match=r"linear=\['y'\] must be names of its inputs: x"):
        check_op(user_op(double, linear=["y"]))


def test_gradient_is_wrong(user_op):
    broken(user_op(double, rules={"x": lambda g: g * 3.0}), "gradients", "worst entry")


def test_rule_knows_arrays_only(user_op):
    op = user_op(lambda x: x * x, rules={"x": lambda g, x: g * 2 * np.fft.ifft(np.fft.fft(x)).real})
    broken(op, "gradients", "np.fft.fft of a Tensor is refused")


def test_worlds_differ(user_op):
    def rule(g, x):
        return g * 2.0 if isinstance(g, tg.Tensor) else g * (2.0 + 1e-15)

    broken(user_op(double, rules={"x": rule}), "both worlds", "first-order backward and create_graph=True differ")


def test_whole_numbers_go_wrong(user_op):
    shrunk = user_op(lambda x: (x * 0.5).astype(x.dtype), rules={"x": lambda g: g * 0.5})
    broken(shrunk, "whole numbers", r"int64 x: .* is neither what float64 copies give")
    halved = user_op(lambda x: np.sqrt(x * x + 1.0), rules={"x": lambda g, x, y: g * x / y})
    broken(halved, "whole numbers", "uint8 x, against float64 copies.*floating=")
    tiny = user_op(lambda x: np.sin(x), rules={"x": lambda g, x: g * tg.cos(x)})
    broken(tiny, "whole numbers", "the result is float16")


def test_two_widths_of_floats_are_not_promoted(user_op):
    rules = {"x": lambda g, w: g * w, "w": lambda g, x: g * x}
    options = {"samples": [Sample(x=TWO, w=TWO)], "rules": rules}
    first = user_op(lambda x, w: (x * w).astype(x.dtype), broadcasts=True, **options)
    broken(first, "two widths of floats", "float32 x beside float64, on the backend numpy: the result is float32")


def test_float32_becomes_float64(user_op):
    op = user_op(lambda x: x * np.full((), 2.0))
    broken(op, "float32 stays", "float32 in, float64 out")


def test_layout_matters(user_op):
    def by_memory(x):
        return 2 * (x if x.flags.c_contiguous else np.ascontiguousarray(x) * 1.01)

    broken(user_op(by_memory, ref=double), "any layout", "transposed inputs")


def test_inputs_must_be_writable(user_op):
    def through_place(x):
        x[...] = x * 1.0
        return x * 2

    broken(user_op(through_place, ref=double), "any layout", "read-only")


def test_cotangent_is_changed(user_op):
    def rule(g):
        if not isinstance(g, tg.Tensor) and g.flags.writeable:
            g *= 2.0
            return g
        return g * 2.0

    broken(user_op(double, rules={"x": rule}), "gradients", "changed its cotangent g in place")


def test_inputs_are_changed(user_op):
    def sorted_in_place(x):
        y = x * 2
        if x.flags.writeable:
            x += 1e-9
        return y

    broken(user_op(sorted_in_place, ref=double), "gradients", "changed input 'x' in place")


def test_empty_batch_crashes(user_op):
    def by_first_row(x):
        if not len(x):
            raise ZeroDivisionError("division by zero")
        return x * 2

    broken(user_op(by_first_row, ref=double), "empty batch", "ZeroDivisionError")


def test_empty_batch_has_the_wrong_shape(user_op):
    op = user_op(lambda x: x * 2 if len(x) else np.zeros((1, 3)), ref=double)
    broken(op, "empty batch", r"gave shape \(1, 3\), expected \[\(0, 3\)")


def test_empty_batch_may_be_refused(user_op):
    def picky(x):
        if not len(x):
            raise ValueError("mine: an empty batch has no double.")
        return x * 2

    assert check_op(user_op(picky, ref=double)).counts["empty batch"]


def test_broadcasting_is_declared_but_not_done(user_op):
    def no_stretch(x, w):
        return x * 2 + w * (1.01 if np.size(w) < np.size(x) else 1)

    op = user_op(
        no_stretch, broadcasts=True, samples=[Sample(x=TWO, w=TWO)], rules={"x": lambda g: g * 2.0, "w": lambda g: g}
    )
    broken(op, "broadcasting", "broadcast to")


def test_operand_given_twice(user_op):
    def rule(g, x, w):
        return g * 2.0 if x is w else g * 1.0

    op = user_op(lambda x, w: x + w, samples=[Sample(x=TWO, w=TWO)], rules={"x": rule, "w": lambda g: g})
    broken(op, "same operand twice", "sum of both gradients")


def total(x):
    return x.sum(axis=-1)


@pytest.mark.parametrize(
    ("stacks", "message"),
    [
        (elementwise, "stacks of x: at index"),  # sums over another axis
        (lambda op, inputs, stacked, params: inputs[0].sum(axis=-2), r"stacks of x: shape \(5, 3\), expected \(5, 2\)"),
        (lambda op, inputs, stacked, params: NotImplemented, "leaves out every case"),
        (lambda op, inputs, stacked, params: op(inputs[0], axis=2), "unknown parameter 'axis'"),
    ],
)  # fmt: skip
def test_stacks_are_declared_wrongly(user_op, stacks, message):
    def fn(x):
        return x.cumsum(axis=0) if stacks is elementwise else total(x)

    def rule(g, x_shape):
        if stacks is elementwise:
            return tg.flip(tg.cumsum(tg.flip(g, axis=0), axis=0), axis=0)
        return tg.broadcast_to(g.reshape(*x_shape[:-1], 1), x_shape)

    broken(user_op(fn, rules={"x": rule}, stacks=stacks), "stacks", message)


def test_stacks_of_one_input_only_are_declared_for_both(user_op):
    def rows(op, inputs, stacked, params):
        return inputs[0] * inputs[1]  # right unless only one of them is stacked, and w has fewer axes

    samples = [Sample(x=TWO, w=(3,))]
    rules = {"x": lambda g, w: g * w, "w": lambda g, x: tg.sum(g * x, axis=0)}
    op = user_op(lambda x, w: x * w, samples=samples, rules=rules, stacks=rows)
    broken(op, "stacks", "could not be broadcast|stacks of w")


@pytest.mark.parametrize("fact", ["per_sample", "per_sample_squares"])
def test_samples_apart_are_declared_wrongly(user_op, fact):
    def rows(g, x):
        found = g.reshape(len(g), -1, 3).sum(1)  # forgets x
        return found if fact == "per_sample" else (found * found).sum(1)

    rules = {"x": lambda g, w: g * w, "w": lambda g, x: tg.sum(g * x, axis=0)}
    op = user_op(lambda x, w: x * w, samples=[Sample(x=TWO, w=(3,))], rules=rules, **{fact: {"w": rows}})
    broken(op, "samples apart", "samples apart, input w")


def test_stacks_declared_rightly(user_op):
    op = user_op(double, stacks=elementwise)
    assert check_op(op).counts["stacks"] == 1


def test_float_side_result(user_op):
    op = user_op(
        lambda x: (x * x, x * 2), aux=["slope"], ref=lambda x: x * x, rules={"x": lambda g, slope: g * slope},
        samples=[Sample(x=TWO)],
    )  # fmt: skip
    broken(op, "gradients", "order 2")  # seen by its second derivative, ...
    linear = user_op(
        lambda x: (x * 2, np.full_like(x, 2)), aux=["slope"], ref=double, rules={"x": lambda g, slope: g * slope}
    )
    broken(linear, "keeps what rules name", "its side result slope is float64")  # ... and where that is 0, by name


def test_boolean_side_result_is_fine(user_op):
    op = user_op(
        lambda x: (np.where(x > 0, x, 0), x > 0), aux=["positive"], ref=lambda x: np.maximum(x, 0),
        samples=[Sample(x=positive(2, 2))], rules={"x": lambda g, positive: tg.where(positive, g, 0.0)},
    )  # fmt: skip
    assert check_op(op).kept == ("positive",)


def test_a_parameter_holds_an_array(user_op):
    def shifted(x, *, by):
        return x + by[0].astype(x.dtype)

    samples = [Sample(x=(3,), by=(np.arange(3),))]
    broken(user_op(shifted, samples=samples, rules={"x": lambda g: g * 1}), "plain parameters", "has the parameter by=")


def test_a_parameter_is_read_off_an_input(user_op):
    def scaled(x, k, *, scale):
        return x * scale

    def arrange(x, k, *, scale):
        return (x, k), {"scale": float(np.max(k.data if isinstance(k, tg.Tensor) else k))}

    op = user_op(
        scaled, selectors=["k"], arrange=arrange, samples=[Sample(x=(3,), k=(3,), scale=1.0)],
        ref=lambda x, k, scale: x * np.max(k), rules={"x": lambda g, scale: g * scale},
    )  # fmt: skip
    broken(op, "replayed", "recorded and replayed: Python reads the value of an array")


def test_cost_is_negative(user_op):
    broken(user_op(double, cost=lambda x_shape: -1), "cost from shapes", "negative")


def test_rules_that_no_sample_uses(user_op):
    op = user_op(lambda x: np.logical_not(x), samples=[Sample(x=booleans(3))])
    with pytest.raises(ContractError, match="has rules, but on no sample are they used"):
        check_op(op)


def test_warnings_count_as_errors(user_op):
    op = user_op(lambda x: np.log(x), rules={"x": lambda g, x: g / x}, samples=[Sample(x=(9,))])
    broken(op, "equals its reference", "RuntimeWarning")

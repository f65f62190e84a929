"""NumPy functions without a gradient: those that answer with plain arrays, and those that are refused."""

from __future__ import annotations

# Indices, counts, booleans, dtypes, text, files: plain results, from the values.
PLAIN = (
    "shape", "ndim", "size", "result_type", "common_type", "min_scalar_type", "can_cast", "may_share_memory",
    "shares_memory", "iscomplexobj", "isrealobj", "einsum_path", "array_repr", "array_str", "array2string",
    "allclose", "isclose", "array_equal", "array_equiv", "isin", "in1d", "iscomplex", "isreal", "isneginf", "isposinf",
    "signbit", "argsort", "lexsort", "argpartition", "argmax", "argmin", "nanargmax", "nanargmin", "searchsorted",
    "digitize", "nonzero", "flatnonzero", "argwhere", "count_nonzero", "histogram", "histogram2d", "histogramdd",
    "histogram_bin_edges", "ravel_multi_index", "unravel_index", "ix_", "diag_indices_from", "tril_indices_from",
    "triu_indices_from", "packbits", "unpackbits", "gcd", "lcm",
    "left_shift", "right_shift", "bitwise_count", "spacing", "nextafter", "angle", "linalg.matrix_rank", "save",
    "savetxt", "savez", "savez_compressed",
)  # fmt: skip
KEEPS_OUT = {"weights"}  # arguments of PLAIN functions whose gradient would be lost

_COMPLEX = "Its result is complex, and tinygrad_cnn has no complex ops."
_DATES = "Tensors hold no dates."

# What else exists, and what to write instead.
REFUSED = {
    "i0": "It has no op: Bessel functions are not among them.",
    **dict.fromkeys(
        ("linalg.eig", "linalg.eigvals"),
        "Its result is complex in general; np.linalg.eigh and eigvalsh take symmetric matrices."),
    **dict.fromkeys(("roots", "poly", "polyfit", "polydiv"), "Use np.polyval and np.polymul, or fit by tg.grad."),
    "geomspace": "Write np.exp(np.linspace(np.log(start), np.log(stop), num)).",
    **dict.fromkeys(
        ("fft.fft", "fft.fft2", "fft.fftn", "fft.hfft", "fft.ifft", "fft.ifft2", "fft.ifftn", "fft.ihfft",
         "fft.irfft", "fft.irfft2", "fft.irfftn", "fft.rfft", "fft.rfft2", "fft.rfftn", "sort_complex"), _COMPLEX),
    **dict.fromkeys(("busday_count", "busday_offset", "is_busday", "datetime_as_string", "isnat"), _DATES),
}  # fmt: skip

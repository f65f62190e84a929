"""Steps of optimisers, in place and in one pass over each parameter.  They are not recorded."""

from __future__ import annotations

from .. import kernels

sgd_ = kernels.sgd_
adam_ = kernels.adam_

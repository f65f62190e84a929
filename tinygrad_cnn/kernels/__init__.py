"""Kernels: raw arrays in, raw arrays out; they know shapes, not gradients.

A backend is a module that holds some of the names below.  The first backend of the chain that has the name
and does not decline (by returning ``NotImplemented``) computes; the NumPy set has every name and never declines.

===================  ==========================================================================================
``conv2d``           ``(x, w, b, win, groups) -> y``           x (N,H,W,C) · w (I,J,C/groups,O) · b (O,) or None
``conv2d_dx``        ``(dy, w, win, groups) -> dx``            dy (N,H',W',O) -> (N,H,W,C)
``conv2d_dw``        ``(x, dy, win, groups) -> dw``            -> (I,J,C/groups,O)
``max_pool2d``       ``(x, win) -> y, tap``                    tap: winner's number i*J + j, uint8 (int32 past 256 taps)
``max_pool2d_put``   ``(dy, tap, win) -> dx``                  each dy added at its winner's pixel
``max_pool2d_take``  ``(x, tap, win) -> y``                    the pixel of each winner
``avg_pool2d``       ``(x, win, counts) -> y``                 window sums divided by counts (H',W')
``avg_pool2d_put``   ``(dy, win, counts) -> dx``               its adjoint
===================  ==========================================================================================

`win` is a `shapes.Window`.  Ties of max go to the first tap in row-major order, a NaN wins, padding never does.
Arrays may be strided, read-only or empty in N; all floating inputs of one call share a dtype, and the result has it.
"""

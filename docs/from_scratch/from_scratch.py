"""
An autograd engine in six steps
===============================

To be written.
"""

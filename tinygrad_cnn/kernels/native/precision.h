/* Which instructions for bf16 numbers are in use: see precision.c. */
#ifndef TG_PRECISION_H
#define TG_PRECISION_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *bf16_sets(PyObject *self, PyObject *none);
PyObject *use_bf16(PyObject *self, PyObject *name);
PyObject *exactly(PyObject *self, PyObject *on);

#endif

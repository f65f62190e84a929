/* Calls of the kernels of rows. */
#ifndef TG_ROW_CALLS_H
#define TG_ROW_CALLS_H

#include "arguments.h"

PyObject *rows(PyObject *self, PyObject *const *args, Py_ssize_t n);
PyObject *group_norm(PyObject *self, PyObject *const *args, Py_ssize_t n);
PyObject *arith(PyObject *self, PyObject *const *args, Py_ssize_t n);
PyObject *gates(PyObject *self, PyObject *const *args, Py_ssize_t n);
PyObject *choose(PyObject *self, PyObject *const *args, Py_ssize_t n);
PyObject *reduce(PyObject *self, PyObject *const *args, Py_ssize_t n);

#endif

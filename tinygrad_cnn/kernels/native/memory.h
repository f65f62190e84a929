/* Arrays whose elements lie in memory of our own: see memory.c. */
#ifndef TG_MEMORY_H
#define TG_MEMORY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *empty(PyObject *self, PyObject *const *args, Py_ssize_t n);
PyObject *keep_memory(PyObject *self, PyObject *const *args, Py_ssize_t n);
PyObject *empty_cache(PyObject *self, PyObject *none);
PyObject *memory_held(PyObject *self, PyObject *none);

#endif

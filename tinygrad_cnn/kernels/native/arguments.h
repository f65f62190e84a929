/* Arguments of the extension module: arrays by the buffer protocol, checked before a pointer is formed.
 *
 * Kernels return True when done, False if an array is not C-contiguous and aligned (the caller copies it and comes
 * back), and NotImplemented for types they do not know or without memory. */
#ifndef TG_ARGUMENTS_H
#define TG_ARGUMENTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"

extern const instruction_set *isa; /* the one in use */

enum { DONE, AGAIN, UNKNOWN, FAILED };
enum { MOST_ARRAYS = 8 };

typedef struct {
    Py_buffer view[MOST_ARRAYS];
    int count, is_double;
} arrays;

static inline void let_go(arrays *a)
{
    while (a->count) PyBuffer_Release(&a->view[--a->count]);
}

/* The type's letter in native byte order, or 0. */
static inline char letter(const Py_buffer *v)
{
    const char *f = v->format ? v->format : "B";
    if (*f == '@' || *f == '=') f++;
    return f[0] && !f[1] ? f[0] : 0;
}

/* Take one array of `ndim` axes (any number if -1); `type` is its letter, or 0 for the floating type of the call. */
static inline int take(arrays *a, PyObject *o, int ndim, char type, int writable)
{
    Py_buffer *v = &a->view[a->count];
    int flags = PyBUF_ND | PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(o, v, flags)) return FAILED;
    a->count++;
    char t = letter(v);
    if (!type && a->count == 1) a->is_double = t == 'd';
    if (t != (type ? type : a->is_double ? 'd' : 'f')) return UNKNOWN;
    if (ndim >= 0 && v->ndim != ndim) {
        PyErr_Format(PyExc_ValueError, "native kernels: array number %d must have %d axes, not %d", a->count, ndim,
                     v->ndim);
        return FAILED;
    }
    return !PyBuffer_IsContiguous(v, 'C') || (uintptr_t)v->buf % (size_t)v->itemsize ? AGAIN : DONE;
}

static inline int refuse(const char *why)
{
    PyErr_Format(PyExc_ValueError, "native kernels: %s", why);
    return FAILED;
}

/* The number of an operation, below `count`; -1 with an error set if it is another. */
static inline int operation(PyObject *number, int count)
{
    const long n = PyLong_AsLong(number);
    if (n >= 0 && n < count) return (int)n;
    if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "native kernels: there is no operation number %ld", n);
    return -1;
}

static inline PyObject *answer(arrays *a, int status)
{
    let_go(a);
    if (status == FAILED) return NULL;
    if (status == UNKNOWN) Py_RETURN_NOTIMPLEMENTED;
    return PyBool_FromLong(status == DONE);
}

/* Run what fills `failed`, without the GIL. */
#define WITHOUT_GIL(call)                                                                                              \
    do {                                                                                                               \
        int failed;                                                                                                    \
        Py_BEGIN_ALLOW_THREADS failed = (call);                                                                        \
        Py_END_ALLOW_THREADS if (failed) status = UNKNOWN;                                                             \
    } while (0)

static inline const kernel_table *table(const arrays *a) { return a->is_double ? &isa->f64 : &isa->f32; }

#define TAKES(wanted)                                                                                                  \
    if (n != (wanted)) return PyErr_Format(PyExc_TypeError, "%s takes %d arguments", __func__, wanted);                \
    arrays a = {.count = 0};                                                                                           \
    int status, again = DONE;                                                                                          \
    (void)self
#define TAKE(arg, ndim, type, writable)                                                                                \
    if ((status = take(&a, args[arg], ndim, type, writable)) == AGAIN) again = AGAIN;                                  \
    else if (status != DONE) return answer(&a, status)
#define CHECK(call)                                                                                                    \
    if ((status = (call)) != DONE) return answer(&a, status);                                                          \
    if (again) return answer(&a, again)
#define SHAPE(i) a.view[i].shape
#define BUF(i) a.view[i].buf

#endif

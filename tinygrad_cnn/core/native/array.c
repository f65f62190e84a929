/* What C asks of NumPy's arrays.  No headers of NumPy's are needed: its getters are called past the look-up of names. */
#include "graph.h"

static getter get_shape, get_dtype, get_base;
static void *shape_closure, *dtype_closure, *base_closure;

int find_getters(void)
{
    get_shape = getter_of(lent.ndarray, "shape", &shape_closure);
    get_dtype = getter_of(lent.ndarray, "dtype", &dtype_closure);
    get_base = getter_of(lent.ndarray, "base", &base_closure);
    return 0;
}

PyObject *shape_of(PyObject *a)
{
    return get_shape && is_array(a) ? get_shape(a, shape_closure) : PyObject_GetAttrString(a, "shape");
}

PyObject *dtype_of(PyObject *a)
{
    return get_dtype && is_array(a) ? get_dtype(a, dtype_closure) : PyObject_GetAttrString(a, "dtype");
}

PyObject *base_of(PyObject *a)
{
    return get_base && is_array(a) ? get_base(a, base_closure) : PyObject_GetAttrString(a, "base");
}

/* Whether an array has other owners than the `known` ones, shares memory, or is not one run of memory to write to. */
int is_shared(PyObject *a, Py_ssize_t known)
{
    Py_ssize_t weak = is_array(a) ? Py_TYPE(a)->tp_weaklistoffset : 0;
    if (weak <= 0 || Py_REFCNT(a) != known || *(PyObject **)((char *)a + weak))
        return 1;
    PyObject *base = base_of(a);
    Py_buffer memory;
    int shared = base != Py_None || PyObject_GetBuffer(a, &memory, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) < 0;
    if (!shared)
        PyBuffer_Release(&memory);
    PyErr_Clear();
    Py_XDECREF(base);
    return shared;
}

/* Whether a dtype is of floating-point numbers: known of the three usual ones, asked of others. */
int is_floating(PyObject *dtype)
{
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(lent.floating); k++)
        if (PyTuple_GET_ITEM(lent.floating, k) == dtype)
            return 1;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(lent.others); k++)
        if (PyTuple_GET_ITEM(lent.others, k) == dtype)
            return 0;
    PyObject *kind = PyObject_GetAttrString(dtype, "kind");
    if (!kind)
        return -1;
    int floating = PyUnicode_Check(kind) && PyUnicode_CompareWithASCIIString(kind, "f") == 0;
    Py_DECREF(kind);
    return floating;
}

int is_common(PyObject *dtype)
{
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(lent.others); k++)
        if (PyTuple_GET_ITEM(lent.others, k) == dtype)
            return 1;
    return PyTuple_GET_ITEM(lent.floating, 0) == dtype || PyTuple_GET_ITEM(lent.floating, 1) == dtype;
}

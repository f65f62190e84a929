/* Where the user's code is: what `here` of `core/site.py` returns, without making a tuple of it. */
#include "graph.h"

static PyObject *known; /* by file name, whether a file is of this package */

/* Whether code is of this package; asked of Python once for each file.  -1 if that failed. */
static int is_ours(PyCodeObject *code)
{
    PyObject *name = code->co_filename;
    if (!known && !(known = PyDict_New()))
        return -1;
    PyObject *found = PyDict_GetItemWithError(known, name);
    if (found || PyErr_Occurred())
        return found ? found == Py_True : -1;
    PyObject *ours = PyObject_CallOneArg(lent.is_ours, name);
    int truth = ours ? PyObject_IsTrue(ours) : -1;
    if (truth >= 0 && PyDict_SetItem(known, name, truth ? Py_True : Py_False) < 0)
        truth = -1;
    Py_XDECREF(ours);
    return truth;
}

/* The innermost frame outside this package, or the outermost one; no frame of C's stands between it and us. */
int fill_place(Place *place)
{
    PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
    while (frame) {
        PyCodeObject *code = PyFrame_GetCode(frame);
        int ours = is_ours(code);
        PyFrameObject *back = ours > 0 ? PyFrame_GetBack(frame) : NULL;
        if (!back) {
            if (ours >= 0) {
                Py_XSETREF(place->code, (PyObject *)code);
                place->offset = frame_offset(frame);
            } else {
                Py_DECREF(code);
            }
            Py_DECREF(frame);
            return ours < 0 ? -1 : 0;
        }
        Py_DECREF(code);
        Py_DECREF(frame);
        frame = back;
    }
    return 0; /* called from no code at all: an unknown place */
}

/* What differs between versions of Python, from 3.10 on: nothing else asks for the version. */
#ifndef TG_COMPAT_H
#define TG_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <structmember.h>
#if PY_VERSION_HEX < 0x030B0000
#include <frameobject.h>
#endif

/* The offset of the instruction that a frame has come to, in bytes, as frame.f_lasti says it. */
static inline int frame_offset(PyFrameObject *frame)
{
#if PY_VERSION_HEX < 0x030B0000
    return frame->f_lasti < 0 ? frame->f_lasti : 2 * frame->f_lasti;
#else
    return PyFrame_GetLasti(frame);
#endif
}

/* The exception that is set, as one object with its traceback; the caller has it then, and none is set. */
static inline PyObject *take_error(void)
{
    if (!PyErr_Occurred()) /* a step that failed without saying why: a mistake in C, which must not end the process */
        PyErr_SetString(PyExc_SystemError, "the compiled core failed without an exception");
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace) {
        PyException_SetTraceback(value, trace);
        Py_DECREF(trace);
    }
    Py_XDECREF(type);
    return value;
#endif
}

/* Set an exception again; takes over the reference. */
static inline void give_error(PyObject *error)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(error);
#else
    PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(error)), error, PyException_GetTraceback(error));
#endif
}

/* Whether the caller's reference is the only one. */
static inline int is_alone(PyObject *object)
{
#if PY_VERSION_HEX >= 0x030E0000
    return PyUnstable_Object_IsUniquelyReferenced(object);
#else
    return Py_REFCNT(object) == 1;
#endif
}

/* Whether the first argument of a call is an object that nobody else has.  Then its one reference is on the value stack
   of the frame that called, from where the call takes it; arguments in a tuple, or in memory of other C code, may be
   read again by whoever passed them. */
static inline int is_temporary(PyObject *const *args)
{
#if PY_VERSION_HEX >= 0x030E0000
    return PyUnstable_Object_IsUniqueReferencedTemporary(args[0]);
#elif PY_VERSION_HEX >= 0x030B0000
    PyThreadState *state = PyThreadState_Get();
    uintptr_t first = state->datastack_chunk ? (uintptr_t)state->datastack_chunk->data : UINTPTR_MAX;
    return Py_REFCNT(args[0]) == 1 && (uintptr_t)args >= first && (uintptr_t)args < (uintptr_t)state->datastack_top;
#else
    PyFrameObject *frame = PyEval_GetFrame();
    uintptr_t first = frame ? (uintptr_t)frame->f_valuestack : UINTPTR_MAX;
    return Py_REFCNT(args[0]) == 1 && (uintptr_t)args >= first &&
           (uintptr_t)args < first + (size_t)frame->f_code->co_stacksize * sizeof(PyObject *);
#endif
}

/* The function behind a getter of a class written in C, such as ndarray.shape; NULL if it is not one. */
static inline getter getter_of(PyObject *type, const char *name, void **closure)
{
    PyObject *found = PyObject_GetAttrString(type, name);
    getter get = NULL;
    if (found && Py_IS_TYPE(found, &PyGetSetDescr_Type)) {
        PyGetSetDef *def = ((PyGetSetDescrObject *)found)->d_getset;
        get = def->get;
        *closure = def->closure;
    }
    PyErr_Clear();
    Py_XDECREF(found); /* the class keeps it */
    return get;
}

/* Subclasses of a class that is called fast are called fast too only since Python 3.12: ask for it before. */
static inline void let_subclass_call_fast(PyTypeObject *type)
{
#if PY_VERSION_HEX < 0x030C0000
    type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    PyType_Modified(type);
#else
    (void)type;
#endif
}

#endif

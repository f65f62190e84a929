/* The choice between float32 and bf16 inside products: one for the process, and float32 for threads that say so. */
#include "precision.h"

#include <string.h>

#include "bf16.h"

#ifndef TG_BF16_SETS /* those that were compiled, fastest first */
#define TG_BF16_SETS X(emulated)
#endif

#define X(name) extern const bf16_tiles tg_bf16_##name;
TG_BF16_SETS
#undef X

#define X(name) &tg_bf16_##name,
static const bf16_tiles *const sets[] = {TG_BF16_SETS};
#undef X
enum { SETS = sizeof sets / sizeof *sets };

static const bf16_tiles *chosen;
static _Thread_local int exact; /* how many blocks of this thread want float32 */

const bf16_tiles *tg_bf16_in_use(void) { return exact ? NULL : chosen; }

/* The names of those that this machine runs, fastest first. */
PyObject *bf16_sets(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    PyObject *names = PyList_New(0);
    for (int i = 0; names && i < SETS; i++) {
        if (!sets[i]->ready()) continue;
        PyObject *name = PyUnicode_FromString(sets[i]->name);
        if (!name || PyList_Append(names, name)) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

/* use_bf16(name): from now on, or float32 for None; returns what was in use. */
PyObject *use_bf16(PyObject *self, PyObject *name)
{
    (void)self;
    const bf16_tiles *before = chosen, *next = NULL;
    if (name != Py_None) {
        const char *text = PyUnicode_AsUTF8(name);
        if (!text) return NULL;
        for (int i = 0; i < SETS; i++)
            if (!strcmp(text, sets[i]->name) && sets[i]->ready()) next = sets[i];
        if (!next)
            return PyErr_Format(PyExc_ValueError, "%R does not name instructions for bf16 of this machine", name);
    }
    chosen = next;
    if (before) return PyUnicode_FromString(before->name);
    Py_RETURN_NONE;
}

/* exactly(True), and later exactly(False): float32 products in this thread in between.  Such pairs may be nested. */
PyObject *exactly(PyObject *self, PyObject *on)
{
    (void)self;
    exact += on == Py_True ? 1 : -1;
    Py_RETURN_NONE;
}

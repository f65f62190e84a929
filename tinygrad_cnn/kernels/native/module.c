/* The extension module _native: takes arrays through the buffer protocol, checks every shape before a pointer is formed,
 * and calls the kernels of the instruction set in use without the GIL.
 *
 * Kernels return True when done, False if an array is not C-contiguous and aligned (the caller copies it and comes back),
 * and NotImplemented for types they do not know or without memory. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"
#include "threads.h"

#define X(name) extern const instruction_set tg_isa_##name;
TG_ISAS
#undef X

static const instruction_set *isa;

static int runs_here(const char *name)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!strcmp(name, "v4"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && runs_here("v3");
    if (!strcmp(name, "v3"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
               __builtin_cpu_supports("bmi2") && runs_here("v2");
    if (!strcmp(name, "v2")) return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
#endif
    return !strcmp(name, "base");
}

/* Those this machine runs, best first. */
static const instruction_set *const *known(void)
{
    static const instruction_set *found[8];
    if (!found[0]) {
        int n = 0;
#define X(name)                                                                                                        \
    if (runs_here(#name)) found[n++] = &tg_isa_##name;
        TG_ISAS
#undef X
    }
    return found;
}

/* ---- arguments ----------------------------------------------------------------------------------------------------- */

enum { DONE, AGAIN, UNKNOWN, FAILED };
enum { MOST_ARRAYS = 6 };

typedef struct {
    Py_buffer view[MOST_ARRAYS];
    int count, is_double;
} arrays;

static void let_go(arrays *a)
{
    while (a->count) PyBuffer_Release(&a->view[--a->count]);
}

/* The type's letter in native byte order, or 0. */
static char letter(const Py_buffer *v)
{
    const char *f = v->format ? v->format : "B";
    if (*f == '@' || *f == '=') f++;
    return f[0] && !f[1] ? f[0] : 0;
}

/* Take one array of `ndim` axes; `type` is its letter, or 0 for the floating type of the call. */
static int take(arrays *a, PyObject *o, int ndim, char type, int writable)
{
    Py_buffer *v = &a->view[a->count];
    int flags = PyBUF_ND | PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(o, v, flags)) return FAILED;
    a->count++;
    char t = letter(v);
    if (!type && a->count == 1) a->is_double = t == 'd';
    if (t != (type ? type : a->is_double ? 'd' : 'f')) return UNKNOWN;
    if (v->ndim != ndim) {
        PyErr_Format(PyExc_ValueError, "native kernels: array number %d must have %d axes, not %d", a->count, ndim, v->ndim);
        return FAILED;
    }
    return !PyBuffer_IsContiguous(v, 'C') || (uintptr_t)v->buf % (size_t)v->itemsize ? AGAIN : DONE;
}

static int refuse(const char *why)
{
    PyErr_Format(PyExc_ValueError, "native kernels: %s", why);
    return FAILED;
}

static PyObject *answer(arrays *a, int status)
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

static const kernel_table *table(const arrays *a) { return a->is_double ? &isa->f64 : &isa->f32; }

/* ---- windows ------------------------------------------------------------------------------------------------------- */

static int pair_of(PyObject *win, Py_ssize_t field, int64_t low, int64_t *a, int64_t *b)
{
    PyObject *p = PyTuple_GET_ITEM(win, field);
    if (!PyTuple_Check(p) || PyTuple_GET_SIZE(p) != 2) return refuse("win holds pairs");
    *a = PyLong_AsLongLong(PyTuple_GET_ITEM(p, 0)), *b = PyLong_AsLongLong(PyTuple_GET_ITEM(p, 1));
    if (PyErr_Occurred()) return FAILED;
    const int64_t high = (int64_t)1 << 31;
    return *a < low || *b < low || (field && (*a > high || *b > high)) ? refuse("win is out of range") : DONE;
}

/* Read a shapes.Window: (size, window, stride, padding, dilation, out, extra). */
static int read_window(PyObject *win, conv_shape *s)
{
    int64_t below;
    if (!PyTuple_Check(win) || PyTuple_GET_SIZE(win) < 6) return refuse("win must be a Window");
    PyObject *padding = PyTuple_GET_ITEM(win, 3);
    if (!PyTuple_Check(padding) || PyTuple_GET_SIZE(padding) != 2) return refuse("win.padding holds two pairs");
    if (pair_of(win, 0, 1, &s->h, &s->w) || pair_of(win, 1, 1, &s->i, &s->j) || pair_of(win, 2, 1, &s->sh, &s->sw) ||
        pair_of(win, 4, 1, &s->dh, &s->dw) || pair_of(win, 5, 1, &s->oh, &s->ow) || pair_of(padding, 0, 0, &s->ph, &below) ||
        pair_of(padding, 1, 0, &s->pw, &below))
        return FAILED;
    return DONE;
}

/* x, w, y: shapes of images, filters and outputs. */
static int check_conv(conv_shape *s, PyObject *win, PyObject *groups, const Py_ssize_t *x, const Py_ssize_t *w,
                      const Py_ssize_t *y)
{
    if (read_window(win, s)) return FAILED;
    s->groups = PyLong_AsLongLong(groups);
    if (s->groups == -1 && PyErr_Occurred()) return FAILED;
    s->n = x[0], s->c = x[3], s->o = w[3];
    if (s->groups < 1 || s->c < 1 || s->o < 1 || s->c % s->groups || s->o % s->groups || w[2] != s->c / s->groups)
        return refuse("channels and groups do not match");
    if (x[1] != s->h || x[2] != s->w || w[0] != s->i || w[1] != s->j) return refuse("win does not match the arrays");
    if (y[0] != s->n || y[1] != s->oh || y[2] != s->ow || y[3] != s->o) return refuse("the output has another shape");
    double span_h = (double)s->i * s->dh + s->sh, span_w = (double)s->j * s->dw + s->sw;
    return span_h * span_w * s->c > 1e12 || span_h * s->w * s->c > 1e15 ? UNKNOWN : DONE;
}

/* ---- kernels ------------------------------------------------------------------------------------------------------- */

#define TAKES(wanted)                                                                                                  \
    if (n != (wanted)) return PyErr_Format(PyExc_TypeError, "%s takes %d arguments", __func__, wanted);                 \
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

/* conv2d(x, w, b or None, y, win, groups, relu) */
static PyObject *conv2d(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(7);
    conv_shape s;
    TAKE(0, 4, 0, 0);
    TAKE(1, 4, 0, 0);
    TAKE(3, 4, 0, 1);
    CHECK(check_conv(&s, args[4], args[5], SHAPE(0), SHAPE(1), SHAPE(2)));
    s.relu = args[6] == Py_True;
    const void *b = NULL;
    if (args[2] != Py_None) {
        TAKE(2, 1, 0, 0);
        CHECK(SHAPE(3)[0] == s.o ? DONE : refuse("one bias per output channel"));
        b = BUF(3);
    }
    if (s.n) WITHOUT_GIL(table(&a)->conv2d(&s, BUF(0), BUF(1), b, BUF(2)));
    return answer(&a, status);
}

/* conv2d_dx(dy, w, dx, win, groups) */
static PyObject *conv2d_dx(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(5);
    conv_shape s;
    TAKE(0, 4, 0, 0);
    TAKE(1, 4, 0, 0);
    TAKE(2, 4, 0, 1);
    CHECK(check_conv(&s, args[3], args[4], SHAPE(2), SHAPE(1), SHAPE(0)));
    if (s.n) WITHOUT_GIL(table(&a)->conv2d_dx(&s, BUF(0), BUF(1), BUF(2)));
    return answer(&a, status);
}

/* conv2d_dw(x, dy, dw, win, groups) */
static PyObject *conv2d_dw(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(5);
    conv_shape s;
    TAKE(0, 4, 0, 0);
    TAKE(1, 4, 0, 0);
    TAKE(2, 4, 0, 1);
    CHECK(check_conv(&s, args[3], args[4], SHAPE(0), SHAPE(2), SHAPE(1)));
    if (s.n) WITHOUT_GIL(table(&a)->conv2d_dw(&s, BUF(0), BUF(1), BUF(2)));
    else memset(BUF(2), 0, (size_t)a.view[2].len);
    return answer(&a, status);
}

/* ---- the module ---------------------------------------------------------------------------------------------------- */

static PyObject *set_num_threads(PyObject *self, PyObject *n)
{
    (void)self;
    long count = PyLong_AsLong(n);
    if (count == -1 && PyErr_Occurred()) return NULL;
    pool_set_threads((int)(count > 256 ? 256 : count));
    Py_RETURN_NONE;
}

static PyObject *get_num_threads(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    return PyLong_FromLong(pool_get_threads());
}

/* The names of the instruction sets this machine runs, best first. */
static PyObject *isas(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    PyObject *names = PyList_New(0);
    for (int i = 0; names && known()[i]; i++) {
        PyObject *name = PyUnicode_FromString(known()[i]->name);
        if (!name || PyList_Append(names, name)) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

/* Use an instruction set by name; returns the one in use before. */
static PyObject *use_isa(PyObject *self, PyObject *name)
{
    (void)self;
    const char *text = PyUnicode_AsUTF8(name);
    if (!text) return NULL;
    for (int i = 0; known()[i]; i++)
        if (!strcmp(text, known()[i]->name)) {
            const instruction_set *before = isa;
            isa = known()[i];
            return PyUnicode_FromString(before->name);
        }
    return PyErr_Format(PyExc_ValueError, "instruction set %R is not one this machine runs", name);
}

static PyMethodDef methods[] = {
    {"conv2d", (PyCFunction)(void (*)(void))conv2d, METH_FASTCALL, NULL},
    {"conv2d_dx", (PyCFunction)(void (*)(void))conv2d_dx, METH_FASTCALL, NULL},
    {"conv2d_dw", (PyCFunction)(void (*)(void))conv2d_dw, METH_FASTCALL, NULL},
    {"set_num_threads", set_num_threads, METH_O, NULL},
    {"get_num_threads", get_num_threads, METH_NOARGS, NULL},
    {"isas", isas, METH_NOARGS, NULL},
    {"use_isa", use_isa, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void)
{
    isa = known()[0];
    if (!isa) {
        PyErr_SetString(PyExc_ImportError, "this processor is older than any instruction set the kernels were built for");
        return NULL;
    }
    pool_init();
    PyObject *m = PyModule_Create(&definition);
    if (m && PyModule_AddIntConstant(m, "VERSION", TG_VERSION)) Py_CLEAR(m);
    return m;
}

/* The extension module _native: takes arrays through the buffer protocol, checks every shape before a pointer is
 * formed, and calls the kernels of the instruction set in use without the GIL (arguments.h). */
#include "arguments.h"
#include "memory.h"
#include "precision.h"
#include "row_calls.h"
#include "squares.h"
#include "threads.h"

#define X(name) extern const instruction_set tg_isa_##name;
TG_ISAS
#undef X

const instruction_set *isa;
int tg_winograd = WINOGRAD_FASTER;

static int runs_here(const char *name)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!strcmp(name, "v4"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && runs_here("v3");
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

/* ---- windows -------------------------------------------------------------------------------------------------------
 */

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
        pair_of(win, 4, 1, &s->dh, &s->dw) || pair_of(win, 5, 1, &s->oh, &s->ow) ||
        pair_of(padding, 0, 0, &s->ph, &below) || pair_of(padding, 1, 0, &s->pw, &below))
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
    if (!s->c || !s->o) return UNKNOWN; /* no channels: NumPy makes zeros, or arrays without elements */
    if (s->groups < 1 || s->c < 1 || s->o < 1 || s->c % s->groups || s->o % s->groups || w[2] != s->c / s->groups)
        return refuse("channels and groups do not match");
    if (x[1] != s->h || x[2] != s->w || w[0] != s->i || w[1] != s->j) return refuse("win does not match the arrays");
    if (y[0] != s->n || y[1] != s->oh || y[2] != s->ow || y[3] != s->o) return refuse("the output has another shape");
    double span_h = (double)s->i * s->dh + s->sh, span_w = (double)s->j * s->dw + s->sw;
    return span_h * span_w * s->c > 1e12 || span_h * s->w * s->c > 1e15 ? UNKNOWN : DONE;
}

/* ---- kernels -------------------------------------------------------------------------------------------------------
 */

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

/* pool2d(x or dy, taps or counts, out, win, what): max_pool2d writes the taps, the others read them or the counts. */
static PyObject *pool2d(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(5);
    conv_shape s;
    const int what = operation(args[4], POOL2D_COUNT);
    if (what < 0) return NULL;
    const int averages = what == AVG_POOL || what == AVG_PUT, forward = what < MAX_PUT;
    if (read_window(args[3], &s)) return NULL;
    TAKE(0, 4, 0, 0);
    TAKE(1, averages ? 2 : 4, averages ? 0 : wide_taps(&s) ? 'i' : 'B', what == MAX_POOL);
    TAKE(2, 4, 0, 1);
    const Py_ssize_t *x = SHAPE(forward ? 0 : 2), *y = SHAPE(forward ? 2 : 0), *t = SHAPE(1);
    s.n = x[0], s.c = s.o = x[3], s.groups = 1;
    if (x[1] != s.h || x[2] != s.w || y[0] != s.n || y[1] != s.oh || y[2] != s.ow || y[3] != s.c)
        return refuse("win does not match the arrays"), answer(&a, FAILED);
    if (averages ? t[0] != s.oh || t[1] != s.ow : t[0] != s.n || t[1] != s.oh || t[2] != s.ow || t[3] != s.c)
        return refuse("taps or counts do not match the output"), answer(&a, FAILED);
    CHECK(DONE);
    if (s.n && s.c)
        WITHOUT_GIL(table(&a)->pool2d(&s, what, BUF(0), averages ? BUF(1) : NULL, averages ? NULL : BUF(1), BUF(2)));
    return answer(&a, status);
}

/* matmul(a, b, bias or None, out, transpose_a, transpose_b, relu): a convolution of 1x1 images, or one of its gradients
 */
static PyObject *matmul(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(7);
    const int ta = args[4] == Py_True, tb = args[5] == Py_True, relu = args[6] == Py_True;
    TAKE(0, 2, 0, 0);
    TAKE(1, 2, 0, 0);
    TAKE(3, 2, 0, 1);
    const int64_t rows = SHAPE(0)[ta], inner = SHAPE(0)[!ta], columns = SHAPE(1)[!tb];
    if (SHAPE(1)[tb] != inner || SHAPE(2)[0] != rows || SHAPE(2)[1] != columns)
        return refuse("matrices do not match"), answer(&a, FAILED);
    const void *b = NULL;
    if (args[2] != Py_None) {
        TAKE(2, 1, 0, 0);
        if (SHAPE(3)[0] != columns) return refuse("one bias per column"), answer(&a, FAILED);
        b = BUF(3);
    }
    if (!rows || !inner || !columns || (ta && tb) || ((ta || tb) && (b || relu))) return answer(&a, UNKNOWN);
    CHECK(DONE);
    conv_shape s = {.h = 1,
                    .w = 1,
                    .i = 1,
                    .j = 1,
                    .oh = 1,
                    .ow = 1,
                    .sh = 1,
                    .sw = 1,
                    .dh = 1,
                    .dw = 1,
                    .groups = 1,
                    .relu = relu};
    s.n = ta ? inner : rows, s.c = ta ? rows : tb ? columns : inner, s.o = tb ? inner : columns;
    const kernel_table *k = table(&a);
    if (ta) WITHOUT_GIL(k->conv2d_dw(&s, BUF(0), BUF(1), BUF(2)));
    else if (tb) WITHOUT_GIL(k->conv2d_dx(&s, BUF(0), BUF(1), BUF(2)));
    else WITHOUT_GIL(k->conv2d(&s, BUF(0), BUF(1), b, BUF(2)));
    return answer(&a, status);
}

static int numbers(PyObject *tuple, double *to, Py_ssize_t count)
{
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) != count) return refuse("wrong count of numbers");
    for (Py_ssize_t i = 0; i < count; i++) to[i] = PyFloat_AsDouble(PyTuple_GET_ITEM(tuple, i));
    return PyErr_Occurred() ? FAILED : DONE;
}

/* Do any two of the arrays share memory?  What is written in place must not be read as another element. */
static int overlap(const arrays *a)
{
    for (int i = 0; i < a->count; i++)
        for (int j = 0; j < i; j++) {
            const char *p = a->view[i].buf, *q = a->view[j].buf;
            if (p < q + a->view[j].len && q < p + a->view[i].len) return 1;
        }
    return 0;
}

static int takes_two(int what)
{
#define CASE(name, arrays, ...) case name: return arrays > 1;
    switch (what) {
        EACH_FUNCTIONS(CASE)
        SMOOTH_FUNCTIONS(CASE)
    default: return 0;
    }
#undef CASE
}

static int takes_number(int what)
{
    return what == ELU || what == ELU_DX || what == LEAKY_RELU || what == LEAKY_RELU_DX;
}

/* each(what, out, a, b or None, out2 or None, out3 or None, numbers): arrays of one size, element by element */
static PyObject *each(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(7);
    double k[8] = {0};
    void *p[5] = {NULL};
    const int what = operation(args[0], EACH_COUNT);
    if (what < 0) return NULL;
    const int wanted = what == SGD ? 5 : what == ADAM ? 8 : takes_number(what);
    if (wanted && numbers(args[6], k, wanted)) return NULL;
    for (int i = 0; i < 5; i++) {
        if (i > 1 && args[1 + i] == Py_None) continue;
        TAKE(1 + i, -1, 0, i != 1 && i != 2);
        const Py_buffer *v = &a.view[a.count - 1];
        if (v->len != a.view[0].len) return refuse("arrays of different sizes"), answer(&a, FAILED);
        p[i] = v->buf;
    }
    if ((what == ADAM && (!p[3] || !p[4])) || (takes_two(what) && !p[2]))
        return refuse("an array is missing"), answer(&a, FAILED);
    CHECK(what >= SGD && overlap(&a) ? UNKNOWN : DONE);
    const int64_t size = a.view[0].len / a.view[0].itemsize;
    if (size) WITHOUT_GIL(table(&a)->each(what, size, p[1], p[2], p[0], p[3], p[4], k));
    return answer(&a, status);
}

/* Take `count` arrays of rows (any shape, last axis the columns), then values per column; None is NULL. */
static int take_rows(arrays *a, PyObject *const *args, int count, int vectors, int outs, void **p)
{
    int again = DONE;
    for (int i = 0; i < count + vectors; i++) {
        p[i] = NULL;
        if (args[i] == Py_None) continue;
        int status = take(a, args[i], i < count ? -1 : 1, 0, i >= count + vectors - outs || (i == 0 && outs == 0));
        if (status == AGAIN) again = AGAIN;
        else if (status != DONE) return status;
        const Py_buffer *v = &a->view[a->count - 1], *first = &a->view[0];
        if (first->ndim < 1) return refuse("rows need an axis");
        if (i < count ? v->len != first->len : v->shape[0] != first->shape[first->ndim - 1])
            return refuse("arrays do not match");
        p[i] = v->buf;
    }
    return again;
}

static int64_t columns_of(const arrays *a) { return a->view[0].shape[a->view[0].ndim - 1]; }
static int64_t rows_of(const arrays *a) { return a->view[0].len / a->view[0].itemsize / columns_of(a); }

/* rowwise(out, a, b or None, mask or None, p, q, r or None, shift or None, what, relu) */
static PyObject *rowwise(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(10);
    void *p[8];
    const int what = operation(args[8], ROWWISE_COUNT);
    if (what < 0) return NULL;
    CHECK(take_rows(&a, args, 4, 4, 0, p));
    const int needs = what == SCALE_SHIFT ? 2 : 4;
    int missing = !p[0] || !p[1] || (what == NORM_DX && !p[2]);
    for (int i = 0; i < needs; i++) missing |= !p[4 + i];
    if (missing) return refuse("an array is missing"), answer(&a, FAILED);
    if (a.view[0].len)
        WITHOUT_GIL(table(&a)->rowwise(what, args[9] == Py_True, rows_of(&a), columns_of(&a), p[1], p[2], p[3],
                                       p[4], p[5], p[6], p[7], p[0]));
    return answer(&a, status);
}

/* columns(a, b or None, mask or None, mean or None, out, out2 or None, what) */
static PyObject *columns(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(7);
    void *p[6];
    const int what = operation(args[6], COLUMNS_COUNT);
    if (what < 0) return NULL;
    CHECK(take_rows(&a, args, 3, 3, 2, p));
    if (!p[0] || !p[4] || (what != COLUMN_SUMS && !p[5]) || (what == NORM_SUMS && (!p[1] || !p[3])))
        return refuse("an array is missing"), answer(&a, FAILED);
    if (!a.view[0].len) return answer(&a, UNKNOWN);
    WITHOUT_GIL(table(&a)->columns(what, rows_of(&a), columns_of(&a), p[0], p[1], p[2], p[3], p[4], p[5]));
    return answer(&a, status);
}

/* ---- the module ----------------------------------------------------------------------------------------------------
 */

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

/* use_winograd(when): one of the words of WINOGRAD_CHOICES, or None for no change; returns what was set. */
static PyObject *use_winograd(PyObject *self, PyObject *when)
{
    (void)self;
#define LISTED(name, word) word,
    static const char *const words[] = {WINOGRAD_CHOICES(LISTED)};
#undef LISTED
    const char *before = words[tg_winograd];
    if (when == Py_None) return PyUnicode_FromString(before);
    const char *text = PyUnicode_AsUTF8(when);
    if (!text) return NULL;
    for (int i = 0; i < (int)(sizeof words / sizeof *words); i++)
        if (!strcmp(text, words[i])) {
            tg_winograd = i;
            return PyUnicode_FromString(before);
        }
    return PyErr_Format(PyExc_ValueError, "native kernels: %R does not say when to use minimal filtering", when);
}

static PyMethodDef methods[] = {
#define KERNEL(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}
    KERNEL(conv2d),
    KERNEL(conv2d_dx),
    KERNEL(conv2d_dw),
    KERNEL(pool2d),
    KERNEL(matmul),
    KERNEL(each),
    KERNEL(rowwise),
    KERNEL(columns),
    KERNEL(rows),
    KERNEL(group_norm),
    KERNEL(reduce),
    KERNEL(choose),
    KERNEL(gates),
    KERNEL(arith),
    {"set_num_threads", set_num_threads, METH_O, NULL},
    {"get_num_threads", get_num_threads, METH_NOARGS, NULL},
    KERNEL(empty),
    KERNEL(keep_memory),
    {"empty_cache", empty_cache, METH_NOARGS, NULL},
    {"memory_held", memory_held, METH_NOARGS, NULL},
    {"isas", isas, METH_NOARGS, NULL},
    {"use_isa", use_isa, METH_O, NULL},
    {"use_winograd", use_winograd, METH_O, NULL},
    {"squares", squares, METH_O, NULL},
    {"bf16_sets", bf16_sets, METH_NOARGS, NULL},
    {"use_bf16", use_bf16, METH_O, NULL},
    {"exactly", exactly, METH_O, NULL},
#undef KERNEL
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void)
{
    isa = known()[0];
    if (!isa) {
        PyErr_SetString(PyExc_ImportError,
                        "this processor is older than any instruction set the kernels were built for");
        return NULL;
    }
    pool_init();
    PyObject *m = PyModule_Create(&definition);
#define CONSTANT(name, ...) || PyModule_AddIntConstant(m, #name, name)
    if (m && (PyModule_AddIntConstant(m, "VERSION", TG_VERSION) POOL2D_OPERATIONS(CONSTANT) EACH_OPERATIONS(CONSTANT)
                  ROWWISE_OPERATIONS(CONSTANT) COLUMNS_OPERATIONS(CONSTANT) ROWS_OPERATIONS(CONSTANT) GROUP_OPERATIONS(CONSTANT)
                  REDUCE_OPERATIONS(CONSTANT) GATES_OPERATIONS(CONSTANT) ARITH_OPERATIONS(CONSTANT)))
        Py_CLEAR(m);
#undef CONSTANT
    return m;
}

/* Calls of the kernels of rows: the lists of kernels.h say which arrays each takes. */
#include "row_calls.h"

#define READS(name, in, out) in,
#define WRITES(name, in, out) out,
static const char *const row_reads[] = {ROWS_OPERATIONS(READS)}, *const row_writes[] = {ROWS_OPERATIONS(WRITES)};
static const char *const group_reads[] = {GROUP_OPERATIONS(READS)}, *const group_writes[] = {GROUP_OPERATIONS(WRITES)};
static const char *const gate_reads[] = {GATES_OPERATIONS(READS)}, *const gate_writes[] = {GATES_OPERATIONS(WRITES)};

/* Take the arrays that `letters` names; the first of all fixes how many rows and columns there are.  With `groups` not
 * 0, letters of rows mean groups of samples. */
static int take_letters(arrays *a, const char *letters, PyObject *const *args, int count, int writable, int64_t groups,
                        void **p)
{
    int again = DONE;
    for (int i = 0; i < count; i++) {
        const char kind = i < (int)strlen(letters) ? letters[i] : 0;
        if (args[i] == Py_None) {
            if (kind == 'R' || kind == 's') return refuse("an array is missing");
            continue;
        }
        if (!kind) return refuse("an array too many");
        const int status = take(a, args[i], -1, 0, writable);
        if (status == AGAIN) again = AGAIN;
        else if (status != DONE) return status;
        const Py_buffer *v = &a->view[a->count - 1], *first = &a->view[0];
        if (first->ndim < 1) return refuse("rows need an axis");
        const Py_ssize_t n = first->shape[first->ndim - 1], all = first->len / first->itemsize;
        const int64_t rows = groups ? first->shape[0] * groups : n ? all / n : 0;
        if (v->len / v->itemsize != (kind == 'R' ? all : kind == 'c' ? n : rows))
            return refuse("arrays do not match");
        p[i] = v->buf;
    }
    return again;
}

/* Take five arrays to read and three to write. */
static int take_all(arrays *a, const char *reads, const char *writes, PyObject *const *args, int64_t groups, void **in,
                    void **out)
{
    const int first = take_letters(a, reads, args, 5, 0, groups, in);
    if (first != DONE && first != AGAIN) return first;
    const int second = take_letters(a, writes, args + 5, 3, 1, groups, out);
    if (second != DONE) return second;
    return first == DONE && !a->view[0].len ? UNKNOWN : first;
}

/* rows(a, b, c, d, e, out, out2, out3, what, number): see ROWS_OPERATIONS; what is missing is None */
PyObject *rows(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(10);
    void *in[5] = {NULL}, *out[3] = {NULL};
    const int what = operation(args[8], ROWS_COUNT);
    if (what < 0) return NULL;
    const double k = PyFloat_AsDouble(args[9]);
    if (k == -1 && PyErr_Occurred()) return NULL;
    CHECK(take_all(&a, row_reads[what], row_writes[what], args, 0, in, out));
    const int64_t columns = a.view[0].shape[a.view[0].ndim - 1], count = a.view[0].len / a.view[0].itemsize / columns;
    WITHOUT_GIL(table(&a)->rows(what, count, columns, (const void *const *)in, out, k));
    return answer(&a, status);
}

/* group_norm(a, b, c, d, e, out, out2, out3, what, groups, eps): see GROUP_OPERATIONS */
PyObject *group_norm(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(11);
    void *in[5] = {NULL}, *out[3] = {NULL};
    const int what = operation(args[8], GROUP_COUNT);
    if (what < 0) return NULL;
    const int64_t groups = PyLong_AsLongLong(args[9]);
    const double eps = PyFloat_AsDouble(args[10]);
    if (PyErr_Occurred()) return NULL;
    if (groups < 1) return refuse("at least one group"), NULL;
    CHECK(take_all(&a, group_reads[what], group_writes[what], args, groups, in, out));
    const Py_buffer *v = &a.view[0];
    const int64_t samples = v->shape[0], channels = v->shape[v->ndim - 1];
    if (v->ndim < 2 || channels % groups) return refuse("channels do not divide into groups"), answer(&a, FAILED);
    const int64_t places = v->len / v->itemsize / samples / channels;
    WITHOUT_GIL(table(&a)->group_norm(what, samples, places, channels, groups, (const void *const *)in, out, eps));
    return answer(&a, status);
}

/* reduce(x, out, what, outer, m, c): x is (outer, m, c), out (outer, c) */
PyObject *reduce(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(6);
    const int what = operation(args[2], REDUCE_COUNT);
    if (what < 0) return NULL;
    int64_t size[3];
    for (int i = 0; i < 3; i++) {
        size[i] = PyLong_AsLongLong(args[3 + i]);
        if (PyErr_Occurred()) return NULL;
    }
    TAKE(0, -1, 0, 0);
    TAKE(1, -1, 0, 1);
    const int64_t all = a.view[0].len / a.view[0].itemsize, left = a.view[1].len / a.view[1].itemsize;
    if (size[0] < 0 || size[1] < 0 || size[2] < 0 || (double)size[0] * size[1] * size[2] > 1e18 ||
        size[0] * size[1] * size[2] != all || size[0] * size[2] != left)
        return refuse("arrays do not match"), answer(&a, FAILED);
    CHECK(all ? DONE : UNKNOWN);
    WITHOUT_GIL(table(&a)->reduce(what, size[0], size[1], size[2], BUF(0), BUF(1)));
    return answer(&a, status);
}

/* Read three whole numbers from 0 to 2^40. */
static int three(PyObject *tuple, int64_t *to)
{
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) != 3) return refuse("expected three whole numbers");
    for (int i = 0; i < 3; i++) {
        to[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(tuple, i));
        if (PyErr_Occurred()) return FAILED;
        if (to[i] < 0 || to[i] > (int64_t)1 << 40) return refuse("a size is out of range");
    }
    return DONE;
}

/* Do these steps stay inside of an array?  The last is 0 or 1. */
static int inside(const Py_buffer *v, const int64_t *size, const int64_t *step)
{
    double last = 0;
    for (int i = 0; i < 3; i++) last += (double)(size[i] - 1) * (double)step[i];
    return last < (double)(v->len / v->itemsize) && step[2] <= 1;
}

/* arith(a, b, out, what, sizes, steps of a, steps of b): out is (rows, places, columns); steps count elements */
PyObject *arith(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(7);
    const int what = operation(args[3], ARITH_COUNT);
    int64_t size[3], p[3], q[3];
    if (what < 0 || three(args[4], size) || three(args[5], p) || three(args[6], q)) return NULL;
    TAKE(0, -1, 0, 0);
    TAKE(1, -1, 0, 0);
    TAKE(2, -1, 0, 1);
    const Py_buffer *out = &a.view[2];
    const double all = (double)size[0] * (double)size[1] * (double)size[2];
    if (all != (double)(out->len / out->itemsize)) return refuse("arrays do not match"), answer(&a, FAILED);
    if (all && (!inside(&a.view[0], size, p) || !inside(&a.view[1], size, q)))
        return refuse("arrays do not match"), answer(&a, FAILED);
    CHECK(all ? DONE : UNKNOWN);
    WITHOUT_GIL(table(&a)->arith(what, size, p, q, BUF(0), BUF(1), BUF(2)));
    return answer(&a, status);
}

/* Take arrays (rows, as many gates as `digits` says, times hidden); the first of all fixes rows and hidden. */
static int take_gates(arrays *a, const char *digits, PyObject *const *args, int writable, int64_t *hidden, void **p)
{
    int again = DONE;
    for (int i = 0; digits[i]; i++) {
        const int status = take(a, args[i], 2, 0, writable), wide = digits[i] - '0';
        if (status == AGAIN) again = AGAIN;
        else if (status != DONE) return status;
        const Py_ssize_t *shape = a->view[a->count - 1].shape;
        if (a->count == 1) *hidden = shape[1] / wide;
        if (shape[0] != a->view[0].shape[0] || shape[1] != wide * *hidden) return refuse("arrays do not match");
        p[i] = a->view[a->count - 1].buf;
    }
    return again;
}

/* gates(a, b, c, d, e, out, out2, out3, what): see GATES_OPERATIONS; what is missing is None */
PyObject *gates(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(9);
    void *in[5] = {NULL}, *out[3] = {NULL};
    int64_t hidden = 0;
    const int what = operation(args[8], GATES_COUNT);
    if (what < 0) return NULL;
    again = take_gates(&a, gate_reads[what], args, 0, &hidden, in);
    if (again != DONE && again != AGAIN) return answer(&a, again);
    CHECK(take_gates(&a, gate_writes[what], args + 5, 1, &hidden, out));
    if (!a.view[0].len || !hidden) return answer(&a, UNKNOWN);
    WITHOUT_GIL(table(&a)->gates(what, a.view[0].shape[0], hidden, (const void *const *)in, out));
    return answer(&a, status);
}

/* choose(out, mask, a or a number, b or a number): a where the mask is set, else b; arrays of one size */
PyObject *choose(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    TAKES(4);
    const void *p[2] = {NULL};
    double numbers[2] = {0};
    TAKE(0, -1, 0, 1);
    TAKE(1, -1, '?', 0);
    const int64_t size = a.view[1].len;
    int whole = 1;
    for (int i = 0; i < 2; i++) {
        if (PyFloat_Check(args[2 + i])) {
            numbers[i] = PyFloat_AS_DOUBLE(args[2 + i]), whole--;
            continue;
        }
        TAKE(2 + i, -1, 0, 0);
        const Py_buffer *v = &a.view[a.count - 1];
        if (v->len / v->itemsize != size) return refuse("arrays of different sizes"), answer(&a, FAILED);
        p[i] = v->buf;
    }
    if (whole < 0 || a.view[0].len / a.view[0].itemsize != size)
        return refuse("arrays of different sizes"), answer(&a, FAILED);
    CHECK(size ? DONE : UNKNOWN);
    WITHOUT_GIL(table(&a)->choose(size, BUF(1), p[0], p[1], numbers[0], numbers[1], BUF(0)));
    return answer(&a, status);
}

/* Calls of the kernels of rows: the lists of kernels.h say which arrays each takes. */
#include "row_calls.h"

static const char *const reads[] = {
#define X(name, in, out) in,
    ROWS_OPERATIONS(X)
#undef X
};
static const char *const writes[] = {
#define X(name, in, out) out,
    ROWS_OPERATIONS(X)
#undef X
};

/* Take the arrays that `letters` names; the first of all fixes how many rows and columns there are. */
static int take_letters(arrays *a, const char *letters, PyObject *const *args, int count, int writable, void **p)
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
        if (v->len / v->itemsize != (kind == 'R' ? all : kind == 'c' ? n : n ? all / n : 0))
            return refuse("arrays do not match");
        p[i] = v->buf;
    }
    return again;
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
    status = take_letters(&a, reads[what], args, 5, 0, in);
    if (status == AGAIN) again = AGAIN;
    else if (status != DONE) return answer(&a, status);
    CHECK(take_letters(&a, writes[what], args + 5, 3, 1, out));
    if (!a.view[0].len) return answer(&a, UNKNOWN);
    const int64_t columns = a.view[0].shape[a.view[0].ndim - 1];
    WITHOUT_GIL(table(&a)->rows(what, a.view[0].len / a.view[0].itemsize / columns, columns, (const void *const *)in, out, k));
    return answer(&a, status);
}

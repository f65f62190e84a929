/* The sum of the squares of many arrays, in one call: for the record of each training step, where calls cost most.
 *
 * The order of the additions is fixed, so that the bits depend on neither threads nor instruction set. */
typedef float lanes __attribute__((vector_size(32)));

enum { ROWS = 4, LANES = 8, PIECE = 4096 }; /* floats that are added up in float before they go into the double */

static double square_sum(const float *x, Py_ssize_t n)
{
    double total = 0;
    for (Py_ssize_t first = 0; first < n; first += PIECE) {
        const Py_ssize_t end = n - first < PIECE ? n : first + PIECE;
        lanes sums[ROWS] = {{0}};
        Py_ssize_t i = first;
        for (; i + ROWS * LANES <= end; i += ROWS * LANES)
            for (int row = 0; row < ROWS; row++) {
                lanes v;
                memcpy(&v, x + i + row * LANES, sizeof v);
                sums[row] += v * v;
            }
        const lanes sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        for (int lane = 0; lane < LANES; lane++) total += sum[lane];
        for (; i < end; i++) total += (double)x[i] * x[i];
    }
    return total;
}

/* squares(list): a float, or None if an array is not contiguous float32; None in the list counts as 0. */
static PyObject *squares(PyObject *self, PyObject *list)
{
    (void)self;
    if (!PyList_Check(list)) return PyErr_Format(PyExc_TypeError, "native kernels: squares takes a list");
    double total = 0;
    for (Py_ssize_t k = 0; k < PyList_GET_SIZE(list); k++) {
        Py_buffer view;
        PyObject *array = PyList_GET_ITEM(list, k);
        if (array == Py_None) continue;
        if (PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)) {
            PyErr_Clear();
            Py_RETURN_NONE;
        }
        const int fits = view.itemsize == sizeof(float) && view.format && !strcmp(view.format, "f");
        if (fits) total += square_sum(view.buf, view.len / view.itemsize);
        PyBuffer_Release(&view);
        if (!fits) Py_RETURN_NONE;
    }
    return PyFloat_FromDouble(total);
}

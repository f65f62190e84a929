/* Arrays for results, whose elements lie in memory of our own if they are large (heap.c).
 *
 * NumPy (from 1.22) lets a "handler" allocate the elements of arrays and remembers it with each array, so such an array
 * is an ordinary one: it owns its data, can be resized, and tracemalloc sees it.  The handler is set while one of our
 * results is made, and the one before it is put back at once: the user's arrays are not touched.
 *
 * NumPy's headers are not needed.  Its table of functions has the same numbers in every version (other projects rely on
 * it, pybind11 among them), and the two structs below are part of its documented interface. */
#include "memory.h"

#include <stdint.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "heap.h"
#include "threads.h"

enum { SET_HANDLER = 304 };           /* the place of PyDataMem_SetHandler in NumPy's table */
enum { LEAST = 1 << 18, WIDEST = 8 }; /* smaller arrays are malloc's; bytes of a float64 */

/* PyDataMemAllocator and PyDataMem_Handler of numpy/ndarraytypes.h */
typedef struct {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *memory, size_t size);
    void (*free)(void *ctx, void *memory, size_t size);
} allocator;

typedef struct {
    char name[127];
    uint8_t version;
    allocator functions;
} handler;

static void *take(void *ctx, size_t size)
{
    (void)ctx;
    return heap_take(size);
}

static void *take_zeros(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    void *memory = size && count > SIZE_MAX / size ? NULL : heap_take(count * size);
    return memory ? memset(memory, 0, count * size) : NULL;
}

static void *resize(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    const size_t room = memory ? heap_room(memory) : 0;
    if (memory && size <= room && size >= room / 2) return memory;
    void *other = heap_take(size);
    if (other && memory) {
        memcpy(other, memory, size < room ? size : room);
        heap_give(memory);
    }
    return other;
}

static void give(void *ctx, void *memory, size_t size)
{
    (void)ctx, (void)size;
    heap_give(memory);
}

static handler ours = {"tinygrad_cnn", 1, {NULL, take, take_zeros, resize, give}};
static PyObject *capsule, *numpy_empty; /* both stay to the end of the process: arrays may outlive the module */
static PyObject *(*set_handler)(PyObject *handler);
static int in_use;

/* Find what we call of NumPy; -1 with an error set if it is not there. */
static int find_numpy(void)
{
    if (numpy_empty) return 0;
    PyObject *numpy = PyImport_ImportModule("numpy");
    PyObject *core = PyImport_ImportModule("numpy._core._multiarray_umath");
    PyObject *table = core ? PyObject_GetAttrString(core, "_ARRAY_API") : NULL;
    capsule = table ? PyCapsule_New(&ours, "mem_handler", NULL) : NULL;
    void **functions = capsule ? PyCapsule_GetPointer(table, NULL) : NULL;
    if (functions) memcpy(&set_handler, functions + SET_HANDLER, sizeof set_handler);
    if (functions && numpy) numpy_empty = PyObject_GetAttrString(numpy, "empty");
    Py_XDECREF(table);
    Py_XDECREF(core);
    Py_XDECREF(numpy);
    return numpy_empty ? 0 : -1;
}

static PyObject *numpy_makes(PyObject *const *args, Py_ssize_t n)
{
    return PyObject_Vectorcall(numpy_empty, args, (size_t)n, NULL);
}

static PyObject *made_by_us(PyObject *const *args, Py_ssize_t n)
{
    PyObject *before = set_handler(capsule);
    if (!before) return NULL;
    PyObject *array = numpy_makes(args, n), *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *own = set_handler(before);
    Py_DECREF(before);
    Py_XDECREF(own);
    if (!own) Py_CLEAR(array); /* cannot happen but for want of memory; its error stands */
    else PyErr_Restore(type, value, trace);
    return array;
}

/* The number of elements of a shape, or -1 for what NumPy must look at. */
static double elements(PyObject *shape)
{
    double count = 1;
    if (!PyTuple_CheckExact(shape)) return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shape); i++) {
        const double length = PyLong_CheckExact(PyTuple_GET_ITEM(shape, i))
                                  ? PyLong_AsDouble(PyTuple_GET_ITEM(shape, i)) : -1;
        if (length < 0) return PyErr_Clear(), -1;
        count *= length;
    }
    return count;
}

/* empty(shape, dtype): as np.empty; in memory of our own if the array is large. */
PyObject *empty(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    if (find_numpy()) return NULL;
    const double count = in_use && n == 2 ? elements(args[0]) : 0;
    if (count * WIDEST < LEAST) return numpy_makes(args, n);
    PyObject *bytes = PyObject_GetAttrString(args[1], "itemsize"); /* of a dtype */
    const double size = bytes && PyLong_Check(bytes) ? PyLong_AsDouble(bytes) : 0;
    Py_XDECREF(bytes);
    PyErr_Clear();
    return count * size < LEAST ? numpy_makes(args, n) : made_by_us(args, n);
}

/* keep_memory(bytes, huge): keep so much freed memory for the next arrays, in huge pages if the system allows it.
 * Returns whether large arrays are made in memory of our own; 0 bytes leaves them to NumPy. */
PyObject *keep_memory(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    if (n != 2) return PyErr_Format(PyExc_TypeError, "keep_memory takes 2 arguments");
    const long long bytes = PyLong_AsLongLong(args[0]);
    if (bytes == -1 && PyErr_Occurred()) return NULL;
    if (find_numpy()) return NULL;
    in_use = bytes > 0 && heap_open((size_t)bytes, args[1] == Py_True);
#ifdef __GLIBC__
    if (bytes > 0) {
        const int most = bytes < 512 << 20 ? (int)bytes : 512 << 20; /* for NumPy's results and smaller arrays */
        mallopt(M_MMAP_THRESHOLD, 32 << 20), mallopt(M_TRIM_THRESHOLD, most);
    }
#endif
    return PyBool_FromLong(in_use);
}

/* Return memory that is kept for later to the system. */
PyObject *empty_cache(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    pool_empty();
    heap_empty();
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    Py_RETURN_NONE;
}

/* Bytes of large arrays that are alive, and bytes kept for the next ones. */
PyObject *memory_held(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    return Py_BuildValue("nn", (Py_ssize_t)heap_used(), (Py_ssize_t)heap_kept());
}

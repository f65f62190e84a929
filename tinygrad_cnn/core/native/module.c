/* The module: its classes, and what Python lends to it. */
#include "graph.h"

Lent lent;

/* lend(name=object, ...): have C use these objects.  Python calls it as its files are loaded. */
static PyObject *lend(PyObject *module, PyObject *args, PyObject *named)
{
    PyObject *name, *value;
    Py_ssize_t place = 0;
    if (PyTuple_GET_SIZE(args) || !named) {
        PyErr_SetString(PyExc_TypeError, "lend: takes keyword arguments");
        return NULL;
    }
    while (PyDict_Next(named, &place, &name, &value)) {
        PyObject **field = NULL;
#define X(known) \
    if (PyUnicode_CompareWithASCIIString(name, #known) == 0) \
        field = &lent.known;
        LENT(X) X(numbers) X(unchanged)
#undef X
        if (!field)
            return PyErr_Format(PyExc_TypeError, "lend: C has no use for %U", name);
        Py_XSETREF(*field, Py_NewRef(value));
    }
    lent.complete = 1;
#define X(known) lent.complete = lent.complete && lent.known;
    LENT(X)
#undef X
    if (lent.complete) {
        if (!PyType_Check(lent.ndarray) || !PyDict_Check(lent.registry) || !PyDict_Check(lent.hooks) ||
            !PyList_Check(lent.observers) || !PyDict_Check(lent.glue) || !PyTuple_Check(lent.floating) ||
            PyTuple_GET_SIZE(lent.floating) < 2 || !PyTuple_Check(lent.others) || !PyAnySet_Check(lent.plain_types) ||
            !PyContextVar_CheckExact(lent.modes) || !PyObject_TypeCheck(lent.clock, ClockBase) ||
            !PyType_Check(lent.Tensor) || !PyType_IsSubtype((PyTypeObject *)lent.Tensor, TensorBase) ||
            !PyType_Check(lent.Leaf) || !PyType_IsSubtype((PyTypeObject *)lent.Leaf, LeafBase) ||
            !PyType_Check(lent.Node) || !PyType_IsSubtype((PyTypeObject *)lent.Node, NodeBase) ||
            !PyType_Check(lent.Op) || !PyType_IsSubtype((PyTypeObject *)lent.Op, OpBase)) {
            lent.complete = 0;
            PyErr_SetString(PyExc_TypeError, "lend: an object is of another kind than C expects");
            return NULL;
        }
        find_getters();
        let_subclass_call_fast((PyTypeObject *)lent.Op);
    }
    Py_RETURN_NONE;
}

static PyObject *slow(PyObject *module, PyObject *unused)
{
    return PyLong_FromUnsignedLongLong(slow_calls);
}

static PyMethodDef functions[] = {
    {"lend", (PyCFunction)(void (*)(void))lend, METH_VARARGS | METH_KEYWORDS, "Have C use these objects of Python."},
    {"slow_calls", slow, METH_NOARGS, "How often Python recorded an op, as its call was not a common one."},
    {"sweep", (PyCFunction)(void (*)(void))sweep, METH_VARARGS | METH_KEYWORDS,
     "Push the cotangents of `seeds` back through `order`; the gradients of `wanted` nodes."},
    {"in_order", (PyCFunction)(void (*)(void))in_order, METH_VARARGS | METH_KEYWORDS,
     "Return every node that the roots' gradients flow to, inputs before consumers."},
    {NULL}};

/* Make a class and add it to the module; `slots` are what copies ask for, as of a class of Python's. */
static int add_class(PyObject *module, PyType_Spec *spec, PyTypeObject **type, PyObject *slots)
{
    *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    int failed = !*type || PyModule_AddType(module, *type) < 0 ||
                 (slots && PyObject_SetAttrString((PyObject *)*type, "__slots__", slots) < 0);
    Py_XDECREF(slots);
    return failed ? -1 : 0;
}

/* The objects lent to C are those of one process, as NumPy's own: a second module would use those of the first. */
static int execute(PyObject *module)
{
    static int loaded;
    if (loaded) {
        PyErr_SetString(PyExc_ImportError, "the compiled core can be loaded once in a process");
        return -1;
    }
    if (add_class(module, &tensor_spec, &TensorBase, Py_BuildValue("(sss)", "_data", "node", "__weakref__")) < 0 ||
        add_class(module, &leaf_spec, &LeafBase, NULL) < 0 || add_class(module, &node_spec, &NodeBase, NULL) < 0 ||
        add_class(module, &clock_spec, &ClockBase, NULL) < 0 || add_class(module, &op_spec, &OpBase, NULL) < 0)
        return -1;
    loaded = 1;
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_core", "The common case of recording and differentiating, compiled.", 0, functions, slots};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}

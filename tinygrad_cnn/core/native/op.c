/* The class under Op: what C needs to know of an op, read from its attributes when it is first called. */
#include "graph.h"

PyTypeObject *OpBase;
unsigned long long slow_calls;

#define OP_FIELDS(X) X(fn) X(over) X(defaults) X(names) X(plans) X(lasting) X(required) X(left_out) X(positional)
#define VISIT(field) Py_VISIT(op->field);
#define CLEAR(field) Py_CLEAR(op->field);

static int op_traverse(PyObject *self, visitproc visit, void *arg)
{
    OpObject *op = (OpObject *)self;
    Py_VISIT(Py_TYPE(self));
    OP_FIELDS(VISIT)
    return 0;
}

static int op_clear(PyObject *self)
{
    OpObject *op = (OpObject *)self;
    op->ready = 0;
    OP_FIELDS(CLEAR)
    return 0;
}

static void op_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    op_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *op_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    OpObject *op = (OpObject *)type->tp_alloc(type, 0);
    if (op)
        op->call = record;
    return (PyObject *)op;
}

/* Whoever sets an attribute of an op makes what was read of it outdated. */
static int op_set(PyObject *self, PyObject *name, PyObject *value)
{
    ((OpObject *)self)->ready = 0;
    return PyObject_GenericSetAttr(self, name, value);
}

/* -- what the attributes say ----------------------------------------------------------------------------------- */

/* Read an attribute into *field; -1 if there is none. */
static int read_object(OpObject *op, const char *name, PyObject **field)
{
    PyObject *value = PyObject_GetAttrString((PyObject *)op, name);
    if (!value)
        return -1;
    Py_XSETREF(*field, value);
    return 0;
}

static int read_number(OpObject *op, const char *name, long long *number)
{
    PyObject *value = PyObject_GetAttrString((PyObject *)op, name);
    *number = value ? PyLong_AsLongLong(value) : -1;
    Py_XDECREF(value);
    return *number == -1 && PyErr_Occurred() ? -1 : 0;
}

/* Whether an attribute counts as true, or, with `none`, is something other than None. */
static int read_truth(OpObject *op, const char *name, char *truth, int none)
{
    PyObject *value = PyObject_GetAttrString((PyObject *)op, name);
    int found = !value ? -1 : none ? value != Py_None : PyObject_IsTrue(value);
    Py_XDECREF(value);
    *truth = found > 0;
    return found < 0 ? -1 : 0;
}

/* Whether all parameters have defaults that may stand in a node as they are, as `bind` of `core/binding.py` asks. */
static int has_plain_defaults(OpObject *op)
{
    PyObject *name, *value;
    Py_ssize_t place = 0;
    while (PyDict_Next(op->defaults, &place, &name, &value)) {
        int plain = PySet_Contains(lent.plain_types, (PyObject *)Py_TYPE(value));
        if (plain <= 0)
            return plain;
    }
    return 1;
}

/* Read all attributes; -1 if one is missing.  An op that C cannot call is left to Python, as are subclasses of Op. */
static int prepare(OpObject *op)
{
    long long arity;
    char own = 0, variadic = 0;
    op->usable = op->has_rules = 0;
    if (read_object(op, "fn", &op->fn) < 0 || read_object(op, "over", &op->over) < 0 ||
        read_object(op, "defaults", &op->defaults) < 0 ||
        read_object(op, "plans", &op->plans) < 0 || read_object(op, "lasting", &op->lasting) < 0 ||
        read_object(op, "left_out", &op->left_out) < 0 || read_object(op, "positional", &op->positional) < 0 ||
        read_number(op, "arity", &arity) < 0 || read_number(op, "spare", &op->spare) < 0 ||
        read_number(op, "flows", &op->flows) < 0 || read_number(op, "floats", &op->floats) < 0 ||
        read_truth(op, "broadcasts", &op->broadcasts, 0) < 0 || read_truth(op, "arrange", &op->arranged, 1) < 0 ||
        read_truth(op, "effects", &op->has_effects, 0) < 0 || read_truth(op, "aux", &op->has_aux, 0) < 0 ||
        read_truth(op, "own_pull_back", &own, 1) < 0 || read_truth(op, "variadic", &variadic, 0) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError) && !PyErr_ExceptionMatches(PyExc_OverflowError))
            return -1;
        PyErr_Clear();
        return op->ready = 1;
    }
    PyObject *required = PyObject_GetAttrString((PyObject *)op, "required");
    Py_XSETREF(op->required, required ? PySequence_Tuple(required) : NULL);
    Py_XDECREF(required);
    int exact = PyDict_CheckExact(op->defaults) && PyDict_CheckExact(op->plans) && PyTuple_CheckExact(op->lasting) &&
                PyDict_CheckExact(op->left_out) && PyTuple_CheckExact(op->positional);
    Py_XSETREF(op->names, exact ? PySequence_Tuple(op->defaults) : NULL);
    if (!op->required || (exact && !op->names))
        return -1;
    op->has_rules = !own;
    int plain = exact ? has_plain_defaults(op) : 0;
    if (plain < 0)
        return -1;
    op->plain = (char)plain;
    op->arity = (int)arity;
    op->count = exact ? (int)PyTuple_GET_SIZE(op->names) : 0;
    op->usable = exact && (PyObject *)Py_TYPE(op) == lent.Op && !own && !variadic && arity >= 0 &&
                 arity <= MOST_INPUTS && op->count <= MOST_PARAMS;
    return op->ready = 1;
}

int can_call(OpObject *op)
{
    if (!op->ready && (!lent.complete || prepare(op) < 0))
        return PyErr_Occurred() ? -1 : 0;
    return op->usable;
}

/* Whether the rules of an op say all about its gradients. */
int has_rules(OpObject *op)
{
    if (can_call(op) < 0)
        PyErr_Clear();
    return op->ready && op->has_rules;
}

static PyMemberDef op_members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(OpObject, call), READONLY, NULL}, {NULL}};
static PyType_Slot op_slots[] = {
    {Py_tp_members, op_members}, {Py_tp_traverse, op_traverse}, {Py_tp_clear, op_clear}, {Py_tp_dealloc, op_free},
    {Py_tp_new, op_new}, {Py_tp_call, PyVectorcall_Call}, {Py_tp_setattro, op_set}, {0, NULL}};
PyType_Spec op_spec = {
    "tinygrad_cnn.core.native._core.OpBase", sizeof(OpObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, op_slots};

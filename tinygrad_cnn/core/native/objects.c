/* The classes under Tensor, Leaf, Node and the clock: their fields, and how they are made and freed.

   Each class has one list of its fields that hold objects, which visits, clears and describes them.  Methods, properties,
   copies and errors are those of the Python classes above.  A chain of any length is freed without recursion, since
   Python defers the freeing of deeply nested objects of classes that are written in Python. */
#include "graph.h"

PyTypeObject *TensorBase, *LeafBase, *NodeBase, *ClockBase;

#define MEMBER(type, field) {#field, T_OBJECT_EX, offsetof(type, field), 0, NULL},
#define NAMED(type, field, name) {name, T_OBJECT_EX, offsetof(type, field), 0, NULL},
#define WEAK(type) {"__weaklistoffset__", T_PYSSIZET, offsetof(type, weak), READONLY, NULL},

static void free_object(PyObject *self, inquiry clear)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* -- Tensor ---------------------------------------------------------------------------------------------------- */

static int tensor_traverse(PyObject *self, visitproc visit, void *arg)
{
    TensorObject *t = (TensorObject *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(t->data);
    Py_VISIT(t->node);
    return 0;
}

static int tensor_clear(PyObject *self)
{
    TensorObject *t = (TensorObject *)self;
    Py_CLEAR(t->data);
    Py_CLEAR(t->node);
    return 0;
}

static void tensor_free(PyObject *self)
{
    if (((TensorObject *)self)->weak)
        PyObject_ClearWeakRefs(self);
    free_object(self, tensor_clear);
}

PyObject *new_tensor(PyObject *data, PyObject *node)
{
    PyTypeObject *type = (PyTypeObject *)lent.Tensor;
    TensorObject *t = data && node ? (TensorObject *)type->tp_alloc(type, 0) : NULL;
    if (!t) {
        Py_XDECREF(data);
        Py_XDECREF(node);
        return NULL;
    }
    t->data = data;
    t->node = node;
    return (PyObject *)t;
}

/* An operator is a call of the op of its name, which need not exist yet; the first operand may be the other one. */
static PyObject *operate(PyObject **key, const char *name, PyObject *a, PyObject *b)
{
    if (!lent.complete)
        Py_RETURN_NOTIMPLEMENTED;
    if (!*key && !(*key = PyUnicode_InternFromString(name)))
        return NULL;
    PyObject *args[3] = {NULL, a, b}, *y, *op = Py_XNewRef(PyDict_GetItemWithError(lent.registry, *key));
    if (!op && !PyErr_Occurred())
        op = PyObject_GetItem(lent.registry, *key); /* which words the error */
    if (!op)
        return NULL;
    if (PyObject_TypeCheck(op, OpBase))
        y = record(op, args + 1, 2, NULL);
    else
        y = PyObject_Vectorcall(op, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(op);
    return y;
}

#define OPERATOR(slot, name) \
    static PyObject *tensor_##slot(PyObject *a, PyObject *b) \
    { \
        static PyObject *key; \
        return operate(&key, name, a, b); \
    }
OPERATOR(add, "add")
OPERATOR(sub, "sub")
OPERATOR(mul, "mul")
OPERATOR(div, "div")
OPERATOR(matmul, "matmul")

static PyObject *tensor_pow(PyObject *a, PyObject *b, PyObject *modulus)
{
    if (modulus != Py_None) {
        PyErr_SetString(PyExc_TypeError, "pow() of a Tensor takes no third argument");
        return NULL;
    }
    static PyObject *key;
    return operate(&key, "pow", a, b);
}

static PyMemberDef tensor_members[] = {
    NAMED(TensorObject, data, "_data") MEMBER(TensorObject, node) WEAK(TensorObject) {NULL}};
static PyType_Slot tensor_slots[] = {
    {Py_tp_members, tensor_members}, {Py_tp_traverse, tensor_traverse}, {Py_tp_clear, tensor_clear},
    {Py_tp_dealloc, tensor_free}, {Py_nb_add, tensor_add}, {Py_nb_subtract, tensor_sub}, {Py_nb_multiply, tensor_mul},
    {Py_nb_true_divide, tensor_div}, {Py_nb_power, tensor_pow}, {Py_nb_matrix_multiply, tensor_matmul}, {0, NULL}};
#define SPEC(name, struct, slots) \
    {"tinygrad_cnn.core.native._core." name, sizeof(struct), 0, \
     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots}
PyType_Spec tensor_spec = SPEC("TensorBase", TensorObject, tensor_slots);

/* -- Leaf and Node --------------------------------------------------------------------------------------------- */

#define EDGE_FIELDS(X) X(shape) X(dtype) X(path) X(note)
#define LEAF_FIELDS(X) \
    EDGE_FIELDS(X) X(requires_grad) X(name) X(grad) X(retains_grad) X(version) X(assigned) X(assigned_at) X(why) \
    X(source) X(given) X(part) X(mark)
#define NODE_FIELDS(X) EDGE_FIELDS(X) X(op) X(inputs) X(params) X(plan) X(saved)

static PyObject *get_site(PyObject *self, void *closure)
{
    Place *place = &((EdgeObject *)self)->place;
    return place->code ? Py_BuildValue("(Oi)", place->code, place->offset) : Py_NewRef(Py_None);
}

static int set_site(PyObject *self, PyObject *value, void *closure)
{
    Place *place = &((EdgeObject *)self)->place;
    PyObject *code = NULL;
    int offset = 0;
    if (!value || (value != Py_None && !PyTuple_Check(value))) {
        PyErr_SetString(PyExc_TypeError, "site must be None, or a code object and an offset");
        return -1;
    }
    if (value != Py_None && !PyArg_ParseTuple(value, "O!i", &PyCode_Type, &code, &offset))
        return -1;
    Py_XINCREF(code);
    Py_XSETREF(place->code, code);
    place->offset = offset;
    return 0;
}

static PyGetSetDef edge_getset[] = {{"site", get_site, set_site, NULL, NULL}, {NULL}};

#define VISIT(field) Py_VISIT(e->field);
#define CLEAR(field) Py_CLEAR(e->field);
#define LIFE(kind, struct, FIELDS) \
    static int kind##_traverse(PyObject *self, visitproc visit, void *arg) \
    { \
        struct *e = (struct *)self; \
        Py_VISIT(Py_TYPE(self)); \
        FIELDS(VISIT) \
        Py_VISIT(e->place.code); \
        return 0; \
    } \
    static int kind##_clear(PyObject *self) \
    { \
        struct *e = (struct *)self; \
        FIELDS(CLEAR) \
        Py_CLEAR(e->place.code); \
        return 0; \
    } \
    static void kind##_free(PyObject *self) \
    { \
        if (((struct *)self)->weak) \
            PyObject_ClearWeakRefs(self); \
        free_object(self, kind##_clear); \
    }
LIFE(leaf, LeafObject, LEAF_FIELDS)
LIFE(node, NodeObject, NODE_FIELDS)

/* The field's value at the beginning: None, False, 0 or "". */
#define START(field, value) l->field = Py_NewRef(value);

static int start_leaf(LeafObject *l, PyObject *shape, PyObject *dtype, PyObject *given)
{
    PyObject *zero = PyLong_FromLong(0), *empty = PyUnicode_FromStringAndSize("", 0);
    if (!zero || !empty) {
        Py_XDECREF(zero);
        Py_XDECREF(empty);
        return -1;
    }
    leaf_clear((PyObject *)l); /* __init__ may be called again */
    START(shape, shape) START(dtype, dtype) START(given, given)
    START(note, Py_None) START(name, Py_None) START(grad, Py_None) START(assigned_at, Py_None) START(mark, Py_None)
    START(why, Py_None) START(source, Py_None)
    START(requires_grad, Py_False) START(retains_grad, Py_False) START(part, Py_False)
    START(version, zero)
    l->assigned = zero;
    l->path = empty;
    return 0;
}

LeafObject *new_leaf(PyObject *shape, PyObject *dtype)
{
    PyTypeObject *type = (PyTypeObject *)lent.Leaf;
    LeafObject *l = shape && dtype ? (LeafObject *)type->tp_alloc(type, 0) : NULL;
    if (l && start_leaf(l, shape, dtype, Py_False) < 0)
        Py_CLEAR(l);
    Py_XDECREF(shape);
    Py_XDECREF(dtype);
    return l;
}

static int leaf_init(PyObject *self, PyObject *args, PyObject *named)
{
    static char *names[] = {"shape", "dtype", "given", NULL};
    PyObject *shape, *dtype, *given = Py_False;
    if (!PyArg_ParseTupleAndKeywords(args, named, "OO|O:Leaf", names, &shape, &dtype, &given))
        return -1;
    return start_leaf((LeafObject *)self, shape, dtype, given);
}

#define LEAF_MEMBER(field) MEMBER(LeafObject, field)
static PyMemberDef leaf_members[] = {LEAF_FIELDS(LEAF_MEMBER) WEAK(LeafObject) {NULL}};
static PyType_Slot leaf_slots[] = {
    {Py_tp_members, leaf_members}, {Py_tp_getset, edge_getset}, {Py_tp_traverse, leaf_traverse},
    {Py_tp_clear, leaf_clear}, {Py_tp_dealloc, leaf_free}, {Py_tp_init, leaf_init}, {0, NULL}};
PyType_Spec leaf_spec = SPEC("LeafBase", LeafObject, leaf_slots);

NodeObject *new_node(void)
{
    PyTypeObject *type = (PyTypeObject *)lent.Node;
    return (NodeObject *)type->tp_alloc(type, 0);
}

static int node_init(PyObject *self, PyObject *args, PyObject *named)
{
    NodeObject *n = (NodeObject *)self;
    PyObject *op, *inputs, *params, *plan, *saved, *shape, *dtype, *path, *site;
    long long clock;
    if (named && PyDict_GET_SIZE(named)) {
        PyErr_SetString(PyExc_TypeError, "Node() takes no keyword arguments");
        return -1;
    }
    if (!PyArg_ParseTuple(
            args, "OOOOOOOLOO:Node", &op, &inputs, &params, &plan, &saved, &shape, &dtype, &clock, &path, &site))
        return -1;
    if (set_site(self, site, NULL) < 0)
        return -1;
#define SET(field, value) Py_XSETREF(n->field, Py_NewRef(value));
    SET(op, op) SET(inputs, inputs) SET(params, params) SET(plan, plan) SET(saved, saved)
    SET(shape, shape) SET(dtype, dtype) SET(path, path) SET(note, Py_None)
    n->clock = clock;
    n->marked = 0;
    return 0;
}

#define NODE_MEMBER(field) MEMBER(NodeObject, field)
static PyMemberDef node_members[] = {
    NODE_FIELDS(NODE_MEMBER) {"clock", T_LONGLONG, offsetof(NodeObject, clock), 0, NULL},
    {"marked", T_BOOL, offsetof(NodeObject, marked), 0, NULL}, WEAK(NodeObject) {NULL}};
static PyType_Slot node_slots[] = {
    {Py_tp_members, node_members}, {Py_tp_getset, edge_getset}, {Py_tp_traverse, node_traverse},
    {Py_tp_clear, node_clear}, {Py_tp_dealloc, node_free}, {Py_tp_init, node_init}, {0, NULL}};
PyType_Spec node_spec = SPEC("NodeBase", NodeObject, node_slots);

/* -- the clock ------------------------------------------------------------------------------------------------- */

static void clock_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *tick(PyObject *self, PyObject *unused)
{
    return PyLong_FromLongLong(++((ClockObject *)self)->now);
}

static PyMethodDef clock_methods[] = {
    {"tick", tick, METH_NOARGS, "Return the time after one more assignment."}, {NULL}};
static PyMemberDef clock_members[] = {{"now", T_LONGLONG, offsetof(ClockObject, now), 0, NULL}, {NULL}};
static PyType_Slot clock_slots[] = {
    {Py_tp_members, clock_members}, {Py_tp_methods, clock_methods}, {Py_tp_dealloc, clock_free}, {0, NULL}};
PyType_Spec clock_spec = {
    "tinygrad_cnn.core.native._core.ClockBase", sizeof(ClockObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    clock_slots};

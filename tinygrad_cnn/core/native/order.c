/* `in_order` of `core/engine.py`: the nodes that a gradient flows to, inputs before consumers, without recursion. */
#include "table.h"

typedef struct {
    PyObject **nodes; /* borrowed: the roots keep them */
    Py_ssize_t count, room;
} Stack;

static int push(Stack *s, PyObject *node)
{
    if (s->count == s->room) {
        Py_ssize_t room = s->room ? 2 * s->room : 256;
        PyObject **nodes = PyMem_Realloc(s->nodes, (size_t)room * sizeof *nodes);
        if (!nodes) {
            PyErr_NoMemory();
            return -1;
        }
        s->nodes = nodes;
        s->room = room;
    }
    s->nodes[s->count++] = node;
    return 0;
}

/* Push the inputs of a node that a gradient flows to and that were not met yet.  1: this is a kind of node that only
   Python knows; -1: that failed. */
static int push_inputs(Stack *s, const Table *met, PyObject *node)
{
    if (is_leaf(node))
        return 0;
    if (!is_node(node))
        return 1;
    NodeObject *n = (NodeObject *)node;
    if (!n->plan || !n->inputs || !PyTuple_CheckExact(n->inputs) || !PyTuple_Check(n->plan) ||
        PyTuple_GET_SIZE(n->plan) != PLAN_SIZE)
        return 1;
    PyObject *wrt = PyTuple_GET_ITEM(n->plan, PLAN_WRT);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(wrt); i++) {
        Py_ssize_t k = PyLong_AsSsize_t(PyTuple_GET_ITEM(wrt, i));
        if (k < 0 || k >= PyTuple_GET_SIZE(n->inputs))
            return 1;
        PyObject *edge = PyTuple_GET_ITEM(n->inputs, k);
        if (edge != Py_None && table_find(met, edge) < 0 && push(s, edge) < 0)
            return -1;
    }
    return 0;
}

/* The order, as a list; *odd is set if Python has to find it. */
static PyObject *walk(PyObject *roots, PyObject *stop, int stops, int *odd)
{
    enum { OPENED, FINISHED };
    PyObject *order = PyList_New(0);
    Stack s = {0};
    Table met = {0}; /* with a number of 0 while a node's inputs are walked, of 1 when it is in the order */
    int fine = order && table_make(&met, 256) == 0;
    for (Py_ssize_t k = 0; fine && k < PyList_GET_SIZE(roots); k++)
        fine = push(&s, PyList_GET_ITEM(roots, k)) == 0;
    while (fine && s.count) {
        PyObject *node = s.nodes[s.count - 1];
        Entry *e = table_place(&met, node);
        if (e->key) {
            s.count--;
            if (e->number == OPENED) {
                e->number = FINISHED;
                fine = PyList_Append(order, node) == 0;
            }
            continue;
        }
        fine = table_add(&met, node, OPENED) == 0;
        int stopped = fine && stops ? PySequence_Contains(stop, node) : 0;
        if (fine && stopped <= 0) {
            int pushed = stopped < 0 ? -1 : push_inputs(&s, &met, node);
            *odd |= pushed > 0;
            fine = pushed == 0;
        }
    }
    PyMem_Free(s.nodes);
    table_free(&met);
    if (!fine)
        Py_CLEAR(order);
    return order;
}

PyObject *in_order(PyObject *module, PyObject *args, PyObject *named)
{
    static char *names[] = {"roots", "stop", NULL};
    PyObject *roots, *stop = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, named, "O|O:in_order", names, &roots, &stop))
        return NULL;
    int odd = 0, stops = stop ? PyObject_IsTrue(stop) : 0;
    PyObject *list = stops < 0 ? NULL : PySequence_List(roots);
    PyObject *order = list ? walk(list, stop, stops, &odd) : NULL;
    if (odd && !PyErr_Occurred())
        order = stop ? PyObject_CallFunctionObjArgs(lent.in_order, list, stop, NULL)
                     : PyObject_CallOneArg(lent.in_order, list);
    Py_XDECREF(list);
    return order;
}

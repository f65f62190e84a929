/* `sweep` of `core/engine.py` for gradients that are plain arrays: the walk back, node by node.

   Gradients stand in an array beside the order; a table finds the place of a node.  What the rules of a node return
   is collected before any of it is added, as in Python.  Gradients that are recorded themselves, observers, and callers
   with functions of their own are left to Python as a whole. */
#include "sweep.h"

static PyObject *of_glue(const char *name)
{
    PyObject *fn = Py_XNewRef(PyDict_GetItemString(lent.glue, name));
    if (!fn && !PyErr_Occurred())
        PyErr_SetString(PyExc_KeyError, name);
    return fn;
}

static void close_walk(Walk *w)
{
    for (Py_ssize_t k = 0; w->steps && k < w->count; k++)
        Py_XDECREF(w->steps[k].g);
    PyMem_Free(w->steps);
    table_free(&w->places);
    Py_XDECREF(w->order);
    Py_XDECREF(w->copy);
    Py_XDECREF(w->add);
    Py_XDECREF(w->add_into);
    Py_XDECREF(w->released);
    Py_XDECREF(w->found);
}

/* Give each node of the order its place, and the seeds theirs; -1 if that failed. */
static int open_walk(Walk *w, PyObject *seeds, PyObject *order, PyObject *site)
{
    PyObject *node, *g;
    Py_ssize_t place = 0;
    if (!(w->order = PySequence_List(order)) || !(w->found = PyDict_New()) || !(w->copy = of_glue("copy")) ||
        !(w->add = of_glue("add")) || !(w->add_into = of_glue("add_into")))
        return -1;
    if (site != Py_None && !(w->released = PyObject_CallOneArg(lent.Released, site)))
        return -1;
    w->count = PyList_GET_SIZE(w->order);
    if (table_make(&w->places, (size_t)w->count) < 0)
        return -1;
    if (!(w->steps = PyMem_Calloc((size_t)w->count + 1, sizeof *w->steps))) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t k = 0; k < w->count; k++)
        if (table_find(&w->places, PyList_GET_ITEM(w->order, k)) < 0 &&
            table_add(&w->places, PyList_GET_ITEM(w->order, k), k) < 0)
            return -1;
    while (PyDict_Next(seeds, &place, &node, &g)) {
        Py_ssize_t k = table_find(&w->places, node);
        if (k >= 0)
            w->steps[k].g = Py_NewRef(g);
    }
    return 0;
}

/* Add one gradient that a rule sent to what its receiver has; takes over the reference. */
static int receive(Walk *w, PyObject *edge, PyObject *g, PyObject *sent_from)
{
    Py_ssize_t place = table_find(&w->places, edge);
    if (place < 0) { /* nobody asked for it */
        Py_DECREF(g);
        return 0;
    }
    Step *to = &w->steps[place];
    int fresh = 0; /* has the rule made it for us alone?  g, a view, or what a rule keeps may have other readers */
    if (g != sent_from && is_array(g) && is_alone(g)) {
        PyObject *base = base_of(g);
        fresh = base == Py_None;
        Py_XDECREF(base);
        if (!base) {
            Py_DECREF(g);
            return -1;
        }
    }
    PyObject *done;
    if (!to->g) {
        to->g = g;
    } else if (to->own || (fresh && is_array(to->g))) { /* add the one to the other, in place */
        PyObject *into = to->own ? to->g : g, *other = to->own ? g : to->g;
        done = PyObject_CallFunctionObjArgs(w->add_into, into, other, NULL);
        if (to->own)
            Py_DECREF(g);
        else
            Py_SETREF(to->g, g);
        if (!done)
            return -1;
        Py_DECREF(done);
        fresh |= to->own;
    } else {
        done = PyObject_CallFunctionObjArgs(w->add, to->g, g, NULL);
        Py_DECREF(g);
        if (!done)
            return -1;
        fresh = is_array(done);
        Py_SETREF(to->g, done);
    }
    to->own |= (char)fresh;
    return 0;
}

/* Whether a saved value is an array, or all inputs of an op of any number of them. */
static int holds_array(PyObject *value)
{
    if (PyTuple_CheckExact(value))
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(value); k++)
            if (is_array(PyTuple_GET_ITEM(value, k)))
                return 1;
    return is_array(value);
}

/* Give up what a node saved, if it saved arrays. */
static void release(Walk *w, NodeObject *n)
{
    PyObject *held = PyTuple_Check(n->plan) && PyTuple_GET_SIZE(n->plan) == PLAN_SIZE
                         ? PyTuple_GET_ITEM(n->plan, PLAN_HELD) : NULL;
    if (!held || !n->saved || !PyTuple_CheckExact(n->saved))
        return;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(held); i++) {
        long k = PyLong_AsLong(PyTuple_GET_ITEM(held, i));
        if (k >= 0 && k < PyTuple_GET_SIZE(n->saved) && holds_array(PyTuple_GET_ITEM(n->saved, k))) {
            Py_SETREF(n->saved, Py_NewRef(w->released));
            return;
        }
    }
}

/* Show the gradient of a node to its hooks, which may replace it; 1 if there are any, -1 if that failed. */
static int show(Walk *w, PyObject *node, Step *step)
{
    PyObject *note = ((EdgeObject *)node)->note;
    int stopped = note && note != Py_None && w->stops ? PySequence_Contains(w->stop, node) : 0;
    if (!note || note == Py_None || stopped)
        return stopped < 0 ? -1 : 0;
    PyObject *fn = hook("noted"), *shown = NULL;
    if (fn)
        shown = PyObject_CallFunctionObjArgs(fn, node, step->g, Py_False, NULL);
    Py_XDECREF(fn);
    if (!shown)
        return -1;
    Py_SETREF(step->g, shown);
    step->own = 0; /* hooks may keep what they are shown, so it is not written to any more */
    return 1;
}

/* Take one node's gradient to its inputs; -1 if that failed. */
static int step_back(Walk *w, Py_ssize_t place)
{
    PyObject *node = PyList_GET_ITEM(w->order, place), *g = NULL;
    Step *step = &w->steps[place];
    Sent few[MOST_INPUTS], *sent = few;
    Py_ssize_t count = 0;
    if (show(w, node, step) < 0)
        return -1;
    if (w->after != Py_None) {
        PyObject *done = PyObject_CallFunctionObjArgs(w->after, node, step->g, NULL);
        if (!done)
            return -1;
        Py_DECREF(done);
    }
    int wanted = PySequence_Contains(w->wanted, node), fine = wanted >= 0;
    if (wanted > 0) {
        PyObject *copy = step->own ? Py_NewRef(step->g) : PyObject_CallOneArg(w->copy, step->g);
        fine = copy && PyDict_SetItem(w->found, node, copy) == 0;
        Py_XDECREF(copy);
    }
    g = step->g;
    step->g = NULL; /* so that whoever gets it alone may write to it */
    int stopped = fine && w->stops ? PySequence_Contains(w->stop, node) : 0;
    fine = fine && stopped >= 0;
    if (fine && !stopped && is_node(node)) {
        count = pull(w, (NodeObject *)node, g, few, &sent);
        fine = count >= 0;
        for (Py_ssize_t k = 0; k < count; k++) { /* in the order of the inputs */
            if (fine)
                fine = receive(w, sent[k].edge, sent[k].g, sent[k].of) == 0;
            else
                Py_DECREF(sent[k].g);
            Py_DECREF(sent[k].edge);
        }
        if (sent != few)
            PyMem_Free(sent);
        if (fine && w->released)
            release(w, (NodeObject *)node);
    }
    Py_DECREF(g);
    return fine ? 0 : -1;
}

/* Note on the error which node it interrupts. */
static void interrupted(PyObject *node)
{
    PyObject *error = take_error(), *none = PyTuple_New(0), *empty = PyDict_New(), *done = NULL;
    PyObject *path = ((EdgeObject *)node)->path;
    if (none && empty)
        done = PyObject_CallFunctionObjArgs(lent.interrupts, error, node, none, empty, path ? path : Py_None, NULL);
    if (done)
        give_error(error);
    else
        Py_XDECREF(error);
    Py_XDECREF(done);
    Py_XDECREF(none);
    Py_XDECREF(empty);
}

PyObject *sweep(PyObject *module, PyObject *args, PyObject *named)
{
    static char *names[] = {"seeds", "order", "wanted", "create_graph", "site", "partial", "stop", "pull", "after", NULL};
    PyObject *seeds, *order, *site, *pull_with = Py_None;
    int create_graph, partial;
    Walk w = {.after = Py_None};
    if (!PyArg_ParseTupleAndKeywords(args, named, "OOO|$pOpOOO:sweep", names, &seeds, &order, &w.wanted, &create_graph,
                                     &site, &partial, &w.stop, &pull_with, &w.after))
        return NULL;
    if (create_graph || pull_with != Py_None || !PyDict_Check(seeds) ||
        PyList_GET_SIZE(lent.observers))
        return PyObject_Call(lent.sweep, args, named);
    w.stops = w.stop ? PyObject_IsTrue(w.stop) : 0;
    w.partial = partial;
    int fine = w.stops >= 0 && open_walk(&w, seeds, order, site) == 0;
    for (Py_ssize_t k = 0; fine && k < w.count; k++) {
        PyObject *node = PyList_GET_ITEM(w.order, k);
        if (!is_node(node) && !is_leaf(node)) { /* a kind of node that only Python knows */
            close_walk(&w);
            return PyObject_Call(lent.sweep, args, named);
        }
    }
    for (Py_ssize_t k = w.count - 1; fine && k >= 0; k--)
        if (w.steps[k].g && (PyErr_CheckSignals() < 0 || step_back(&w, k) < 0)) {
            interrupted(PyList_GET_ITEM(w.order, k));
            fine = 0;
        }
    PyObject *found = fine ? Py_NewRef(w.found) : NULL;
    close_walk(&w);
    return found;
}

/* `pull_back` of `core/engine.py`: the rules of one node, called with what it saved. */
#include "sweep.h"

/* Room for so many gradients; *sent is `few` or memory of its own. */
static int make_room(Py_ssize_t count, Sent *few, Sent **sent)
{
    *sent = count <= MOST_INPUTS ? few : PyMem_Malloc((size_t)count * sizeof **sent);
    if (!*sent) {
        *sent = few;
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Have Python pull back: nodes of checkpoints, those that were released, and whatever is odd. */
static Py_ssize_t pull_in_python(Walk *w, NodeObject *node, PyObject *g, Sent *few, Sent **sent)
{
    PyObject *within = w->partial ? PySet_New(w->order) : Py_NewRef(Py_None), *pairs = NULL, *list = NULL;
    Py_ssize_t count = -1;
    if (within)
        pairs = PyObject_CallFunctionObjArgs(lent.pull_back, (PyObject *)node, g, Py_False, within, NULL);
    Py_XDECREF(within);
    if (pairs)
        list = PySequence_List(pairs);
    Py_XDECREF(pairs);
    if (list && make_room(PyList_GET_SIZE(list), few, sent) == 0)
        for (count = 0; count < PyList_GET_SIZE(list);) {
            Sent *s = &(*sent)[count];
            if (!PyArg_ParseTuple(PyList_GET_ITEM(list, count), "OO", &s->edge, &s->g)) {
                while (count--) {
                    Py_DECREF((*sent)[count].edge);
                    Py_DECREF((*sent)[count].g);
                }
                break;
            }
            Py_INCREF(s->edge);
            Py_INCREF(s->g);
            s->of = g;
            count++;
        }
    Py_XDECREF(list); /* and the pairs, so that what is new has no other holder */
    return count;
}

/* Whether a leaf that the node saved may have changed since, so that the function of Python should look. */
static int may_have_changed(NodeObject *node)
{
    PyObject *watch = PyTuple_GET_ITEM(node->plan, PLAN_WATCH);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(watch); i++) {
        Py_ssize_t k = PyLong_AsSsize_t(PyTuple_GET_ITEM(watch, i));
        PyObject *edge = k >= 0 && k < PyTuple_GET_SIZE(node->inputs) ? PyTuple_GET_ITEM(node->inputs, k) : Py_None;
        if (edge == Py_None || is_node(edge))
            continue;
        if (!is_leaf(edge) || !((LeafObject *)edge)->assigned || ((LeafObject *)edge)->mark != Py_None)
            return 1;
        long long assigned = PyLong_AsLongLong(((LeafObject *)edge)->assigned);
        if (assigned > node->clock || (assigned == -1 && PyErr_Occurred()))
            return 1;
    }
    return 0;
}

/* Refuse the step if what was saved was written to since; -1 then. */
static int check_unchanged(NodeObject *node)
{
    PyObject *fn = hook("unchanged"), *done = NULL;
    int look = fn && (fn != lent.unchanged || may_have_changed(node));
    PyErr_Clear();
    if (look && !(done = PyObject_CallOneArg(fn, (PyObject *)node))) {
        Py_DECREF(fn);
        return -1;
    }
    Py_XDECREF(done);
    Py_XDECREF(fn);
    return 0;
}

/* Apply one rule; a new reference. */
static PyObject *apply_rule(PyObject *rule, NodeObject *node, PyObject *saved, PyObject *g)
{
    if (!PyTuple_Check(rule) || PyTuple_GET_SIZE(rule) != RULE_SIZE) {
        PyErr_SetString(PyExc_SystemError, "a plan holds an object that is not a rule");
        return NULL;
    }
    PyObject *places = PyTuple_GET_ITEM(rule, RULE_PLACES), *rest = PyTuple_GET_ITEM(rule, RULE_REST), *y = NULL;
    PyObject *few[2 + MOST_INPUTS + MOST_PARAMS], **args = few;
    Py_ssize_t count = PyTuple_GET_SIZE(places), more = rest == Py_None ? 0 : PyTuple_GET_SIZE(rest), k;
    if (count + more > MOST_INPUTS + MOST_PARAMS && !(args = PyMem_Malloc((size_t)(2 + count + more) * sizeof *args)))
        return PyErr_NoMemory();
    args[1] = g;
    for (k = 0; k < count; k++) {
        Py_ssize_t place = PyLong_AsSsize_t(PyTuple_GET_ITEM(places, k));
        if (place < 0 || place >= PyTuple_GET_SIZE(saved))
            goto odd;
        args[2 + k] = PyTuple_GET_ITEM(saved, place);
    }
    for (k = 0; k < more; k++) {
        PyObject *name = PyTuple_GET_ITEM(rest, k);
        PyObject *value = PyDict_Check(node->params) ? PyDict_GetItemWithError(node->params, name) : NULL;
        if (!value)
            goto odd;
        args[2 + count + k] = value;
    }
    size_t flags = (size_t)(1 + count) | PY_VECTORCALL_ARGUMENTS_OFFSET;
    y = PyObject_Vectorcall(PyTuple_GET_ITEM(rule, RULE_FN), args + 1, flags, more ? rest : NULL);
    goto end;
odd:
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_SystemError, "a rule names what its node did not save");
end:
    if (args != few)
        PyMem_Free(args);
    return y;
}

/* The same; an error is noted with the rule and the place of the call. */
static PyObject *call(PyObject *rule, NodeObject *node, PyObject *saved, PyObject *g)
{
    PyObject *y = apply_rule(rule, node, saved, g);
    if (!y) {
        PyObject *error = take_error();
        PyObject *done = PyObject_CallFunctionObjArgs(lent.rule_failed, error, rule, (PyObject *)node, NULL);
        if (done)
            give_error(error);
        else
            Py_XDECREF(error);
        Py_XDECREF(done);
    }
    return y;
}

/* Make what a rule returned what its input is, if it is not so already; takes over the reference. */
static PyObject *fitted(PyObject *gk, PyObject *g, int shared, PyObject *edge, NodeObject *node, PyObject *rule)
{
    EdgeObject *to = (EdgeObject *)edge;
    if (gk && !is_array(gk))
        Py_SETREF(gk, PyObject_CallFunctionObjArgs(lent.as_the_others, gk, Py_False, NULL));
    if (gk && gk == g && shared && is_array(g)) {
        PyObject *fn = Py_XNewRef(PyDict_GetItemString(lent.glue, "share"));
        Py_SETREF(gk, fn ? PyObject_CallOneArg(fn, g) : NULL);
        Py_XDECREF(fn);
    }
    int fits = 0;
    if (gk && is_array(gk)) {
        PyObject *dtype = dtype_of(gk), *shape = dtype && dtype == to->dtype ? shape_of(gk) : NULL;
        fits = shape && to->shape ? PyObject_RichCompareBool(shape, to->shape, Py_EQ) : 0;
        Py_XDECREF(dtype);
        Py_XDECREF(shape);
        if (PyErr_Occurred())
            Py_CLEAR(gk);
    }
    if (gk && !fits)
        Py_SETREF(gk, PyObject_CallFunctionObjArgs(lent.fit, gk, edge, (PyObject *)node, rule, NULL));
    return gk;
}

/* Whether C knows all that pulling back through this node takes. */
static int is_common_node(NodeObject *node)
{
    return node->op && (PyObject *)Py_TYPE(node->op) == lent.Op && node->saved && PyTuple_CheckExact(node->saved) &&
           node->inputs && PyTuple_CheckExact(node->inputs) && node->params && node->plan &&
           PyTuple_Check(node->plan) && PyTuple_GET_SIZE(node->plan) == PLAN_SIZE && has_rules((OpObject *)node->op);
}

Py_ssize_t pull(Walk *w, NodeObject *node, PyObject *g, Sent *few, Sent **sent)
{
    if (!is_common_node(node))
        return pull_in_python(w, node, g, few, sent);
    if ((node->marked || ((ClockObject *)lent.clock)->now != node->clock) && check_unchanged(node) < 0)
        return -1;
    /* the node may be changed by a rule that goes back through it again */
    PyObject *plan = Py_NewRef(node->plan), *saved = Py_NewRef(node->saved), *inputs = Py_NewRef(node->inputs);
    PyObject *rules = PyTuple_GET_ITEM(plan, PLAN_RULES), *common = PyTuple_GET_ITEM(plan, PLAN_COMMON);
    PyObject *given = common == Py_None ? Py_NewRef(g) : call(common, node, saved, g); /* to each rule */
    Py_ssize_t count = 0, total = PyTuple_GET_SIZE(rules);
    int fine = given && make_room(total, few, sent) == 0;
    for (Py_ssize_t i = 0; fine && i < total; i++) {
        PyObject *rule = PyTuple_GET_ITEM(rules, i);
        Py_ssize_t k = PyLong_AsSsize_t(PyTuple_GET_ITEM(rule, RULE_K));
        PyObject *edge = k >= 0 && k < PyTuple_GET_SIZE(inputs) ? PyTuple_GET_ITEM(inputs, k) : Py_None;
        if (!is_node(edge) && !is_leaf(edge)) {
            PyErr_SetString(PyExc_SystemError, "a gradient flows to an object that is not a node");
            fine = 0;
        } else if (!w->partial || table_find(&w->places, edge) >= 0) {
            PyObject *gk = fitted(call(rule, node, saved, given), given, common != Py_None, edge, node, rule);
            if ((fine = gk != NULL))
                (*sent)[count++] = (Sent){Py_NewRef(edge), gk, g};
        }
    }
    if (!fine) {
        while (count--) {
            Py_DECREF((*sent)[count].edge);
            Py_DECREF((*sent)[count].g);
        }
        count = -1;
        if (*sent != few)
            PyMem_Free(*sent);
        *sent = few;
    }
    Py_XDECREF(given);
    Py_DECREF(inputs);
    Py_DECREF(saved);
    Py_DECREF(plan);
    return count;
}

/* `Op.record`: call an op's function, and make the node that remembers the call.

   The order is that of `core/operation.py`.  Until the function has run, whatever is not common is left to Python by one
   `slowly`; from then on it never is, since a function must not run twice (it may draw random numbers), and single steps
   ask Python instead. */
#include "call.h"

PyObject *hook(const char *name)
{
    return Py_XNewRef(PyDict_GetItemString(lent.hooks, name));
}

PyObject *to_list(PyObject *const *values, int count)
{
    PyObject *list = PyList_New(count);
    for (int k = 0; list && k < count; k++)
        PyList_SET_ITEM(list, k, Py_NewRef(values[k] ? values[k] : Py_None));
    return list;
}

void from_list(PyObject **values, PyObject *list, int count)
{
    for (int k = 0; k < count; k++) {
        PyObject *value = PyList_GET_ITEM(list, k);
        Py_XSETREF(values[k], value == Py_None && !values[k] ? NULL : Py_NewRef(value));
    }
}

static void drop(Call *c)
{
    for (int k = 0; k < c->count; k++) {
        Py_CLEAR(c->arrays[k]);
        Py_CLEAR(c->edges[k]);
    }
    Py_CLEAR(c->params);
    Py_CLEAR(c->side);
}

/* Leave the call to Python, as it came. */
static PyObject *slowly(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t total = count + (names ? PyTuple_GET_SIZE(names) : 0);
    PyObject *few[1 + MOST_INPUTS], **all = few, *y;
    if (!lent.complete) {
        PyErr_SetString(PyExc_RuntimeError, "an op was called before the engine was loaded");
        return NULL;
    }
    slow_calls++;
    if (total > MOST_INPUTS && !(all = PyMem_Malloc((size_t)(1 + total) * sizeof *all)))
        return PyErr_NoMemory();
    all[0] = op;
    for (Py_ssize_t k = 0; k < total; k++)
        all[1 + k] = args[k];
    y = PyObject_Vectorcall(lent.record, all, (size_t)(1 + count), names);
    if (all != few)
        PyMem_Free(all);
    return y;
}

/* Have Python word the error of a call that failed, and raise it; always returns NULL. */
static PyObject *fail(Call *c)
{
    PyObject *error = take_error(), *args = PyTuple_New(c->count), *arrays = PyList_New(0), *y = NULL;
    for (int k = 0; args && k < c->count; k++)
        PyTuple_SET_ITEM(args, k, Py_NewRef(c->args[k] ? c->args[k] : Py_None));
    for (int k = 0; arrays && k < c->count && c->arrays[k]; k++)
        if (PyList_Append(arrays, c->arrays[k]) < 0)
            Py_CLEAR(arrays);
    if (error && args && arrays) {
        PyObject *given = c->params ? c->params : c->op->defaults;
        y = PyObject_CallFunctionObjArgs(lent.failed, (PyObject *)c->op, error, args, given, arrays, NULL);
        if (y)
            PyErr_SetString(PyExc_SystemError, "failed: raised nothing");
    }
    Py_XDECREF(y);
    Py_XDECREF(args);
    Py_XDECREF(arrays);
    if (PyErr_Occurred())
        Py_XDECREF(error);
    else
        give_error(error);
    drop(c);
    return NULL;
}

/* The plan for the inputs that a gradient flows to; a new reference. */
static PyObject *plan_of(Call *c)
{
    long long mask = c->mask & c->op->flows;
    PyObject *pattern = PyLong_FromLongLong(mask), *plan = NULL;
    if (pattern) {
        plan = Py_XNewRef(PyDict_GetItemWithError(c->op->plans, pattern));
        if (!plan && !PyErr_Occurred())
            plan = PyObject_CallFunction(lent.plan_for, "OOLi", c->op, pattern, mask, c->count);
        Py_DECREF(pattern);
    }
    if (plan && !(PyTuple_Check(plan) && PyTuple_GET_SIZE(plan) == PLAN_SIZE)) {
        PyErr_SetString(PyExc_SystemError, "plan_for: gave no plan");
        Py_CLEAR(plan);
    }
    return plan;
}

/* Whether the op may write its result over its first input: the array belongs to a Tensor that ends with this call, and
   no rule will read it.  What else refers to the array, as a node that saved it, shows in its count; -1 if that failed. */
static int may_overwrite(Call *c)
{
    if (c->op->over == Py_None || !c->temporary || is_shared(c->arrays[0], 2))
        return 0;
    PyObject *plan = c->mask & c->op->flows ? plan_of(c) : NULL;
    int unread = !plan || PyTuple_GET_SIZE(PyTuple_GET_ITEM(plan, PLAN_WATCH)) == 0;
    Py_XDECREF(plan);
    return PyErr_Occurred() ? -1 : unread;
}

/* Call the op's function on the arrays; the one place where an op computes. */
static PyObject *apply(Call *c)
{
    PyObject *stack[1 + MOST_INPUTS + MOST_PARAMS], *name, *value, *y;
    int over = may_overwrite(c);
    if (over < 0)
        return NULL;
    PyObject *fn = Py_NewRef(over ? c->op->over : c->op->fn), *names = Py_NewRef(c->op->names); /* whatever happens to the op meanwhile */
    Py_ssize_t place = 0, k = 0, count = PyTuple_GET_SIZE(names);
    for (int i = 0; i < c->count; i++)
        stack[1 + i] = c->arrays[i];
    while (k < count && PyDict_Next(c->params, &place, &name, &value) && name == PyTuple_GET_ITEM(names, k))
        stack[1 + c->count + k++] = Py_NewRef(value);
    if (k == count) {
        size_t inputs = (size_t)c->count | PY_VECTORCALL_ARGUMENTS_OFFSET;
        y = PyObject_Vectorcall(fn, stack + 1, inputs, count ? names : NULL);
    } else { /* parameters in another order */
        PyObject *args = PyTuple_New(c->count);
        for (int i = 0; args && i < c->count; i++)
            PyTuple_SET_ITEM(args, i, Py_NewRef(c->arrays[i]));
        y = args ? PyObject_Call(fn, args, c->params) : NULL;
        Py_XDECREF(args);
    }
    while (k--)
        Py_DECREF(stack[1 + c->count + k]);
    Py_DECREF(fn);
    Py_DECREF(names);
    return y;
}

/* The result as an array, with side results set apart; takes over the reference. */
static PyObject *result(Call *c, PyObject *y)
{
    if (y && c->op->has_aux) {
        PyObject *both = PyTuple_CheckExact(y) && PyTuple_GET_SIZE(y) ? Py_NewRef(y)
                                                                       : PyObject_CallOneArg(lent.unpacked, y);
        Py_SETREF(y, both ? Py_NewRef(PyTuple_GET_ITEM(both, 0)) : NULL);
        c->side = both ? PyTuple_GetSlice(both, 1, PyTuple_GET_SIZE(both)) : NULL;
        Py_XDECREF(both);
        if (!c->side)
            Py_CLEAR(y);
    }
    if (y && !is_array(y)) {
        PyObject *fn = hook("result");
        PyObject *traced = c->traced ? Py_True : Py_False;
        Py_SETREF(y, fn ? PyObject_CallFunctionObjArgs(fn, (PyObject *)c->op, y, traced, NULL) : NULL);
        Py_XDECREF(fn);
    }
    return y;
}

/* The leaf of a result without history.  Why it has none is said here where nothing is recorded and where no input has
   a history, else by `constant`. */
static PyObject *cut(Call *c, PyObject *y, int unrecorded)
{
    PyObject *dtype = dtype_of(y);
    int plain = dtype && is_common(dtype);
    LeafObject *cut_before = NULL; /* the last input that was cut off from its history, which this result continues */
    for (int k = 0; plain && !unrecorded && k < c->count; k++) {
        PyObject *edge = c->edges[k];
        plain = !edge || requires_grad(edge) == 0;
        if (edge && is_leaf(edge) && ((LeafObject *)edge)->why && ((LeafObject *)edge)->why != Py_None)
            cut_before = (LeafObject *)edge;
    }
    if (!plain) {
        Py_XDECREF(dtype);
        PyObject *edges = PyErr_Occurred() ? NULL : to_list(c->edges, c->count), *leaf = NULL;
        if (edges)
            leaf = PyObject_CallFunctionObjArgs(lent.constant, y, edges, unrecorded ? Py_True : Py_False, NULL);
        Py_XDECREF(edges);
        return leaf;
    }
    LeafObject *leaf = new_leaf(shape_of(y), dtype);
    if (leaf && unrecorded) {
        static PyObject *why;
        if (!why)
            why = PyUnicode_InternFromString("no_grad");
        if (!why || fill_place(&leaf->place) < 0)
            Py_CLEAR(leaf);
        else
            Py_SETREF(leaf->why, Py_NewRef(why));
    } else if (leaf && cut_before) {
        Py_SETREF(leaf->why, Py_XNewRef(cut_before->why));
        Py_SETREF(leaf->source, Py_XNewRef(cut_before->source));
        Py_XSETREF(leaf->place.code, Py_XNewRef(cut_before->place.code));
        leaf->place.offset = cut_before->place.offset;
    }
    return (PyObject *)leaf;
}

/* Give plain arrays leaves of their own, which drawings and costs want, and guard those that are saved.
   Returns whether any was marked, -1 if that failed. */
static int file_arrays(Call *c, PyObject *plan)
{
    PyObject *watch = PyTuple_GET_ITEM(plan, PLAN_WATCH), *args = NULL, *arrays = NULL, *edges = NULL, *fn = NULL;
    PyObject *marked = NULL;
    int look = 0, truth = -1;
    for (int k = 0; k < c->count; k++)
        if (!c->edges[k] && PyObject_TypeCheck(c->arrays[k], (PyTypeObject *)lent.ndarray) &&
            !(c->edges[k] = (PyObject *)new_leaf(shape_of(c->arrays[k]), dtype_of(c->arrays[k]))))
            return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(watch); i++) {
        long k = PyLong_AsLong(PyTuple_GET_ITEM(watch, i));
        if (k < 0 || k >= c->count)
            return -1;
        look |= c->arrays[k] == c->args[k] && PyObject_TypeCheck(c->args[k], (PyTypeObject *)lent.ndarray);
    }
    if (!look)
        return 0;
    fn = hook("guard");
    args = to_list(c->args, c->count);
    arrays = to_list(c->arrays, c->count);
    edges = to_list(c->edges, c->count);
    if (fn && args && arrays && edges)
        marked = PyObject_CallFunctionObjArgs(fn, watch, args, arrays, edges, NULL);
    if (marked && (truth = PyObject_IsTrue(marked)) >= 0) {
        from_list(c->arrays, arrays, c->count);
        from_list(c->edges, edges, c->count);
    }
    Py_XDECREF(marked);
    Py_XDECREF(edges);
    Py_XDECREF(arrays);
    Py_XDECREF(args);
    Py_XDECREF(fn);
    return truth;
}

/* One value that a rule names, by one step of the plan's recipe; a new reference. */
static PyObject *fetch(Call *c, PyObject *step, PyObject *y, PyObject *y_shape)
{
    PyObject *what = PyTuple_GET_ITEM(step, 1), *value = NULL, *arrays;
    long kind = PyLong_AsLong(PyTuple_GET_ITEM(step, 0)), k = kind == FROM_INPUT || kind == FROM_SHAPE ? PyLong_AsLong(what) : 0;
    if (k < 0 || k >= c->count + (c->count == 0)) {
        PyErr_SetString(PyExc_SystemError, "the plan names an input that the op lacks");
        return NULL;
    }
    switch (kind) {
    case FROM_INPUT:
        return Py_NewRef(c->arrays[k]);
    case FROM_Y:
        return Py_NewRef(y);
    case FROM_Y_SHAPE:
        return Py_NewRef(y_shape);
    case FROM_PARAMETER:
        value = PyDict_GetItemWithError(c->params, what);
        if (!value && !PyErr_Occurred())
            PyErr_SetObject(PyExc_KeyError, what);
        return Py_XNewRef(value);
    case FROM_SHAPE:
        return is_array(c->arrays[k]) ? shape_of(c->arrays[k]) : PyObject_CallOneArg(lent.shape_of, c->arrays[k]);
    case FROM_SIDE:
        return PyObject_GetItem(c->side, what);
    default: /* a function of arrays, result and side results */
        if ((arrays = to_list(c->arrays, c->count)))
            value = PyObject_CallFunctionObjArgs(what, arrays, y, c->side ? c->side : Py_None, NULL);
        Py_XDECREF(arrays);
        return value;
    }
}

/* What the node keeps for its rules: the values that `Plan.recipe` names, in its order. */
static PyObject *save(Call *c, PyObject *plan, PyObject *y, PyObject *y_shape)
{
    PyObject *recipe = PyTuple_GET_ITEM(plan, PLAN_RECIPE);
    Py_ssize_t count = PyTuple_GET_SIZE(recipe);
    PyObject *saved = PyTuple_New(count);
    for (Py_ssize_t k = 0; saved && k < count; k++) {
        PyObject *value = fetch(c, PyTuple_GET_ITEM(recipe, k), y, y_shape);
        if (value)
            PyTuple_SET_ITEM(saved, k, value);
        else
            Py_CLEAR(saved);
    }
    return saved;
}

/* The parameters that the node keeps: all but those that the function calls or changes. */
static PyObject *lasting(Call *c)
{
    if (!c->op->has_effects)
        return Py_NewRef(c->params);
    PyObject *names = c->op->lasting, *kept = PyDict_New();
    for (Py_ssize_t k = 0; kept && k < PyTuple_GET_SIZE(names); k++) {
        PyObject *value = PyDict_GetItemWithError(c->params, PyTuple_GET_ITEM(names, k));
        if (!value && !PyErr_Occurred())
            PyErr_SetObject(PyExc_KeyError, PyTuple_GET_ITEM(names, k));
        if (!value || PyDict_SetItem(kept, PyTuple_GET_ITEM(names, k), value) < 0)
            Py_CLEAR(kept);
    }
    return kept;
}

/* The node of a recorded call. */
static PyObject *node_of(Call *c, PyObject *y, PyObject *dtype, PyObject *path)
{
    PyObject *plan = plan_of(c), *inputs = NULL;
    int marked = plan && c->shaped ? file_arrays(c, plan) : 0;
    NodeObject *n = plan && marked >= 0 ? new_node() : NULL;
    if (!n) {
        Py_XDECREF(plan);
        return NULL;
    }
    n->plan = plan;
    n->op = Py_NewRef(c->op);
    n->dtype = Py_NewRef(dtype);
    n->path = Py_NewRef(path);
    n->note = Py_NewRef(Py_None);
    n->clock = ((ClockObject *)lent.clock)->now;
    n->marked = (char)marked;
    n->params = lasting(c);
    n->shape = shape_of(y);
    n->inputs = inputs = PyTuple_New(c->count);
    if (n->shape && inputs)
        n->saved = save(c, plan, y, n->shape);
    if (!n->saved || !n->params || fill_place(&n->place) < 0) {
        Py_DECREF(n);
        return NULL;
    }
    for (int k = 0; k < c->count; k++)
        PyTuple_SET_ITEM(inputs, k, Py_NewRef(c->edges[k] ? c->edges[k] : Py_None));
    return (PyObject *)n;
}

/* A Tensor around the result, with its history, or without one if none is recorded; takes over the reference. */
static PyObject *remember(Call *c, PyObject *y)
{
    PyObject *modes = NULL, *dtype = NULL, *node = NULL;
    int recording = -1, floating = 0;
    if (PyContextVar_Get(lent.modes, NULL, &modes) >= 0 && modes && PyTuple_Check(modes) &&
        PyTuple_GET_SIZE(modes) >= MODES_SIZE)
        recording = PyObject_IsTrue(PyTuple_GET_ITEM(modes, MODES_RECORDING));
    c->mask &= c->op->flows;
    if (recording >= 0 && (dtype = dtype_of(y)))
        floating = is_floating(dtype);
    if (dtype && floating >= 0) {
        if (!c->mask || !recording || !floating)
            node = cut(c, y, c->mask && !recording);
        else
            node = node_of(c, y, dtype, PyTuple_GET_ITEM(modes, MODES_PATH));
    } else if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_SystemError, "the modes are not a tuple of modes");
    }
    Py_XDECREF(dtype);
    Py_XDECREF(modes);
    if (!node)
        Py_CLEAR(y);
    return new_tensor(y, node);
}

PyObject *record(PyObject *self, PyObject *const *args, size_t flags, PyObject *names)
{
    Py_ssize_t count = PyVectorcall_NARGS(flags);
    OpObject *op = (OpObject *)self;
    int can = can_call(op);
    if (can < 0)
        return NULL;
    if (!can || PyList_GET_SIZE(lent.observers))
        return slowly(self, args, count, names);
    Call c = {0};
    c.op = op;
    c.temporary = count && (PyObject *)Py_TYPE(args[0]) == lent.Tensor && !((TensorObject *)args[0])->weak &&
                  is_temporary(args);
    Way way = bind_call(&c, args, count, names);
    if (way == DONE)
        way = collect(&c);
    if (way == SLOW) {
        drop(&c);
        return slowly(self, args, count, names);
    }
    PyObject *y = way == DONE ? result(&c, apply(&c)) : NULL;
    if (y && c.traced)
        y = remember(&c, y);
    if (!y)
        return fail(&c);
    drop(&c);
    return y;
}

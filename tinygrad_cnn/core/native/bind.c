/* A call of an op before its function runs: what was passed, sorted into inputs and parameters. */
#include "call.h"

/* Put the parameters of a call, and the inputs that were left out, where they belong.  This is the usual part of `bind`
   of `core/binding.py`: all inputs by position, parameters by position or keyword. */
Way bind_call(Call *c, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    OpObject *op = c->op;
    Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0, arity = op->arity, k;
    Py_ssize_t more = count > arity ? count - arity : 0; /* parameters by position */
    c->count = (int)arity;
    for (k = 0; k < count && k < arity; k++)
        c->args[k] = args[k];
    if (count == arity && !named && !PyTuple_GET_SIZE(op->required)) {
        c->params = Py_NewRef(op->defaults);
        return DONE;
    }
    if (op->arranged || more > PyTuple_GET_SIZE(op->positional))
        return SLOW;
    if (count < arity) {
        PyObject *number = PyLong_FromSsize_t(count), *rest = NULL;
        if (number)
            rest = PyDict_GetItemWithError(op->left_out, number);
        Py_XDECREF(number);
        if (!rest || !PyTuple_CheckExact(rest) || count + PyTuple_GET_SIZE(rest) != arity)
            return PyErr_Occurred() ? FAILED : SLOW;
        for (k = count; k < arity; k++)
            c->args[k] = PyTuple_GET_ITEM(rest, k - count); /* the op keeps them */
    }
    if (op->plain && !more && !named && !PyTuple_GET_SIZE(op->required)) {
        c->params = Py_NewRef(op->defaults);
        return DONE;
    }
    if (!(c->params = PyDict_Copy(op->defaults)))
        return FAILED;
    for (k = 0; k < more; k++)
        if (PyDict_SetItem(c->params, PyTuple_GET_ITEM(op->positional, k), args[arity + k]) < 0)
            return FAILED;
    for (k = 0; k < named; k++) {
        PyObject *name = PyTuple_GET_ITEM(names, k);
        int known = PyDict_Contains(op->defaults, name);
        for (Py_ssize_t i = 0; known > 0 && i < more; i++) {
            int twice = PyObject_RichCompareBool(name, PyTuple_GET_ITEM(op->positional, i), Py_EQ);
            known = twice ? (twice < 0 ? -1 : 0) : 1;
        }
        if (known <= 0)
            return known < 0 ? FAILED : SLOW;
        if (PyDict_SetItem(c->params, name, args[count + k]) < 0)
            return FAILED;
    }
    for (k = 0; k < PyTuple_GET_SIZE(op->required); k++)
        if (PyDict_GetItemWithError(c->params, PyTuple_GET_ITEM(op->required, k)) == lent.required)
            return SLOW;
    return DONE;
}

/* See to it that all parameters are plain values.  The function of Python that makes them so has no effects: if it
   refuses, Python is asked again, and words the error. */
static Way make_plain(Call *c)
{
    PyObject *name, *value;
    Py_ssize_t place = 0;
    int plain = 1;
    if (c->params == c->op->defaults)
        return DONE;
    while (plain > 0 && PyDict_Next(c->params, &place, &name, &value))
        plain = PyLong_CheckExact(value) || value == Py_None || PyFloat_CheckExact(value) || PyBool_Check(value) ||
                        PyUnicode_CheckExact(value) || PyTuple_CheckExact(value)
                    ? 1
                    : PySet_Contains(lent.plain_types, (PyObject *)Py_TYPE(value));
    if (plain)
        return plain < 0 ? FAILED : DONE;
    PyObject *fn = hook("plain"), *params = NULL;
    if (fn)
        params = PyObject_CallFunctionObjArgs(fn, (PyObject *)c->op, c->params, NULL);
    Py_XDECREF(fn);
    if (!params || !PyDict_CheckExact(params)) {
        PyErr_Clear();
        Py_XDECREF(params);
        return SLOW;
    }
    Py_SETREF(c->params, params);
    return DONE;
}

/* Whether a gradient flows to a node or leaf. */
int requires_grad(PyObject *edge)
{
    if (is_node(edge))
        return 1;
    PyObject *value = ((LeafObject *)edge)->requires_grad;
    return value == Py_True ? 1 : value == Py_False ? 0 : value ? PyObject_IsTrue(value) : 0;
}

/* Give numbers and whole numbers among the inputs their dtype.  Mostly there is nothing to do, which
   `with_dtypes` of `autodiff/dtypes.py` finds out in the same way; where there is, it does it. */
static Way make_dtypes(Call *c)
{
    int narrow = 0, wide = 0, number = 0, odd = 0, floats = c->op->floats != 0, broadcasts = c->op->broadcasts;
    PyObject *fn = hook("numbers");
    if (!fn)
        return FAILED;
    for (int k = 0; k < c->count && !odd; k++) {
        PyObject *a = c->arrays[k];
        if (is_array(a)) {
            PyObject *dtype = dtype_of(a);
            if (!dtype) {
                Py_DECREF(fn);
                return FAILED;
            }
            if (dtype == PyTuple_GET_ITEM(lent.floating, 0))
                narrow = 1;
            else if (dtype == PyTuple_GET_ITEM(lent.floating, 1))
                wide = 1;
            else
                odd = c->op->floats >> k & 1;
            Py_DECREF(dtype);
        } else if (a != Py_None) {
            odd = !broadcasts;
            number = 1;
        }
    }
    if (fn == lent.numbers && !odd && !(narrow && wide && floats) && (narrow || wide || !number)) {
        c->shaped |= c->loose && !broadcasts;
        Py_DECREF(fn);
        return DONE;
    }
    PyObject *arrays = to_list(c->arrays, c->count), *made = NULL;
    if (arrays)
        made = PyObject_CallFunction(fn, "OOOO", c->op, arrays, c->shaped ? Py_True : Py_False,
                                     c->loose ? Py_True : Py_False);
    Py_DECREF(fn);
    Py_XDECREF(arrays);
    PyObject *list = NULL, *shaped = NULL;
    int truth = -1;
    if (made && PyArg_ParseTuple(made, "O!O", &PyList_Type, &list, &shaped) && PyList_GET_SIZE(list) == c->count)
        truth = PyObject_IsTrue(shaped);
    if (truth >= 0) {
        c->shaped = truth;
        from_list(c->arrays, list, c->count);
    } else if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_TypeError, "numbers: gave another number of inputs");
    }
    Py_XDECREF(made);
    return truth < 0 ? FAILED : DONE;
}

/* Take the arrays and the nodes of the inputs, and note which of them a gradient flows to. */
Way collect(Call *c)
{
    OpObject *op = c->op;
    Way way = make_plain(c);
    if (way != DONE)
        return way;
    for (int k = 0; k < c->count; k++) {
        PyObject *a = c->args[k], *array = a, *edge = NULL;
        if (is_tensor(a)) {
            TensorObject *t = (TensorObject *)a;
            if (!t->data || !t->node || !(is_node(t->node) || is_leaf(t->node)))
                return SLOW;
            array = t->data;
            edge = t->node;
            int flows = requires_grad(edge);
            if (flows < 0)
                return FAILED;
            c->mask |= (long long)flows << k;
            c->traced = 1;
        } else if (is_array(a)) {
            c->shaped = c->loose = 1;
        } else if (PyFloat_CheckExact(a) || PyLong_CheckExact(a) || PyBool_Check(a) ||
                   (a == Py_None && op->spare >> k & 1)) {
            c->loose = 1;
        } else {
            return SLOW;
        }
        c->arrays[k] = Py_NewRef(array);
        c->edges[k] = Py_XNewRef(edge);
    }
    if (op->floats & ~c->mask || (c->loose && !(op->broadcasts && (c->mask || (c->shaped && !c->traced)))))
        return make_dtypes(c);
    return DONE;
}

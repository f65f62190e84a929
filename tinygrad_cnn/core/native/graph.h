/* The objects of a recorded graph, as C sees them, and what Python lends to C.

   Python stays the specification: the files of `core/` say what an op, a node and a walk back do, and these files do
   the common case of it.  Whatever is not common is handed back to Python, before anything has happened. */
#ifndef TG_GRAPH_H
#define TG_GRAPH_H

#include "compat.h"

enum { MOST_INPUTS = 8, MOST_PARAMS = 24 }; /* of an op that C calls; others are called by Python */

/* Where a piece of the user's code is: what `core/site.py` calls a Site, as two fields.  Without code: unknown. */
typedef struct {
    PyObject *code;
    int offset;
} Place;

typedef struct {
    PyObject_HEAD
    PyObject *weak;
    PyObject *data, *node;
} TensorObject;

/* What Leaf and Node have in common comes first, so that the walk back need not ask which of them it meets. */
#define EDGE \
    PyObject_HEAD \
    PyObject *weak; \
    Place place; \
    PyObject *shape, *dtype, *path, *note;

typedef struct {
    EDGE
} EdgeObject;

typedef struct {
    EDGE
    PyObject *requires_grad, *name, *grad, *retains_grad, *version, *assigned, *assigned_at, *why, *source, *given;
    PyObject *part, *mark;
} LeafObject;

typedef struct {
    EDGE
    PyObject *op, *inputs, *params, *plan, *saved;
    long long clock;
    char marked;
} NodeObject;

typedef struct {
    PyObject_HEAD
    long long now;
} ClockObject;

/* An op: a copy of what its attributes say, taken at the first call and again after any of them was set. */
typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    char ready;  /* the copy below is that of the attributes */
    char usable; /* C can call this op */
    char broadcasts, arranged, has_effects, has_aux, has_rules;
    char plain; /* all defaults may stand in a node as they are */
    int arity, count; /* of inputs; of parameters */
    long long spare, flows, floats;
    PyObject *fn, *over, *defaults, *names, *plans, *lasting, *required, *left_out, *positional;
} OpObject;

/* Fields of the named tuples of `core/rules.py`. */
enum { RULE_K, RULE_FN, RULE_NAMES, RULE_RECIPE, RULE_REST, RULE_PICK, RULE_PLACES, RULE_SIZE };
enum { PLAN_RULES, PLAN_COMMON, PLAN_WRT, PLAN_ITEMS, PLAN_WATCH, PLAN_HELD, PLAN_RECIPE = 10, PLAN_SIZE };
/* How `Plan.recipe` says where a value to be saved comes from. */
enum { FROM_INPUT, FROM_Y, FROM_PARAMETER, FROM_Y_SHAPE, FROM_SHAPE, FROM_SIDE, FROM_FETCH };
enum { MODES_RECORDING, MODES_PATH, MODES_SIZE };

/* Objects of Python that C calls or compares with.  `lend` of module.c fills them in, by name. */
#define LENT(X) \
    X(Tensor) X(Leaf) X(Node) X(Op) X(Released) X(ndarray) X(clock) X(modes) X(registry) X(hooks) X(observers) X(glue) \
    X(plain_types) X(required) X(floating) X(others) X(is_ours) X(shape_of) X(constant) X(plan_for) X(record) \
    X(unpacked) X(failed) X(sweep) X(in_order) X(pull_back) X(as_the_others) X(fit) X(interrupts) X(rule_failed)
#define X(name) PyObject *name;
typedef struct {
    LENT(X)
    PyObject *numbers, *unchanged; /* hooks that C has a twin of, lent by the package above; NULL without it */
    int complete;
} Lent;
#undef X
extern Lent lent;
extern unsigned long long slow_calls; /* how often Python recorded an op, since this is loaded */

/* Types and functions of the other files. */
extern PyTypeObject *TensorBase, *LeafBase, *NodeBase, *ClockBase, *OpBase;
extern PyType_Spec tensor_spec, leaf_spec, node_spec, clock_spec, op_spec;
#define is_tensor(o) PyObject_TypeCheck(o, TensorBase)
#define is_leaf(o) PyObject_TypeCheck(o, LeafBase)
#define is_node(o) PyObject_TypeCheck(o, NodeBase)
#define is_array(o) ((PyObject *)Py_TYPE(o) == lent.ndarray)

PyObject *new_tensor(PyObject *data, PyObject *node);     /* takes over both references */
LeafObject *new_leaf(PyObject *shape, PyObject *dtype);   /* takes over both references */
NodeObject *new_node(void);                               /* with empty fields */
int fill_place(Place *place);                             /* where the user's code is; -1 if that failed */

int find_getters(void);                                   /* of arrays; array.c */
PyObject *shape_of(PyObject *array);
PyObject *dtype_of(PyObject *array);
PyObject *base_of(PyObject *array);
int is_shared(PyObject *array, Py_ssize_t known);         /* or cannot be written to */
int is_floating(PyObject *dtype);                         /* -1 if that failed */
int is_common(PyObject *dtype);                           /* a dtype that leaves take as it is */

PyObject *record(PyObject *op, PyObject *const *args, size_t count, PyObject *names);
int requires_grad(PyObject *edge);                        /* -1 if that failed */
int can_call(OpObject *op);                               /* -1 if that failed */
int has_rules(OpObject *op);
PyObject *hook(const char *name);                         /* a new reference */

PyObject *sweep(PyObject *module, PyObject *args, PyObject *named);
PyObject *in_order(PyObject *module, PyObject *args, PyObject *named);

#endif

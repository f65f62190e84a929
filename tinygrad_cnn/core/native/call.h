/* One call of an op, from what was passed to the Tensor that comes back. */
#ifndef TG_CALL_H
#define TG_CALL_H

#include "graph.h"

/* How a step of a call went; SLOW leaves the call to Python and is said only before the op's function ran. */
typedef enum { DONE, SLOW, FAILED } Way;

typedef struct {
    OpObject *op;
    int count;                     /* of inputs */
    int traced, loose, shaped;     /* is there a Tensor among them, something else, a plain array? */
    int temporary;                 /* is the first input a Tensor that nobody but this call has? */
    long long mask;                /* of the inputs that a gradient flows to */
    PyObject *args[MOST_INPUTS];   /* the inputs as they were given; borrowed, from who called */
    PyObject *arrays[MOST_INPUTS]; /* their values */
    PyObject *edges[MOST_INPUTS];  /* their nodes, or NULL */
    PyObject *params;              /* all of them, by name */
    PyObject *side;                /* side results, or NULL */
} Call;

Way bind_call(Call *c, PyObject *const *args, Py_ssize_t count, PyObject *names);
Way collect(Call *c);
PyObject *to_list(PyObject *const *values, int count); /* None for NULL */
void from_list(PyObject **values, PyObject *list, int count);

#endif

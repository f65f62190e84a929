/* One walk back over a graph. */
#ifndef TG_SWEEP_H
#define TG_SWEEP_H

#include "table.h"

typedef struct {
    PyObject *g; /* the gradient that has arrived at this node, or NULL */
    char own;    /* it is a buffer that the engine made, so it may be added to in place */
} Step;

typedef struct {
    PyObject *order, *found, *released, *copy, *add, *add_into; /* owned */
    PyObject *wanted, *stop, *after;                            /* borrowed */
    Table places;
    Step *steps;
    Py_ssize_t count;
    int stops, partial; /* is there a stop; is the order only a part of the graph? */
} Walk;

typedef struct {
    PyObject *edge, *g; /* owned: an input's node, and the gradient that a rule sends to it */
    PyObject *of;       /* borrowed: the gradient that the rule was given, which others may read */
} Sent;

/* The gradients that one node sends to its inputs, in `few` or in memory that *sent is set to; -1 if that failed. */
Py_ssize_t pull(Walk *w, NodeObject *node, PyObject *g, Sent *few, Sent **sent);

#endif

/* A table from nodes to numbers, by address: each walk over a graph has one of its own, so nodes bear no marks. */
#ifndef TG_TABLE_H
#define TG_TABLE_H

#include "graph.h"

typedef struct {
    PyObject *key;
    Py_ssize_t number;
} Entry;

typedef struct {
    Entry *entries;
    size_t size, used; /* size: a power of two */
} Table;

static inline Entry *table_place(const Table *t, PyObject *key)
{
    size_t k = ((size_t)(uintptr_t)key >> 4) * (size_t)0x9E3779B97F4A7C15u;
    for (k ^= k >> 29;; k++) {
        Entry *e = &t->entries[k & (t->size - 1)];
        if (!e->key || e->key == key)
            return e;
    }
}

/* Make a table for about `count` nodes; -1 without memory. */
static inline int table_make(Table *t, size_t count)
{
    t->used = 0;
    for (t->size = 64; t->size < 2 * count; t->size *= 2)
        ;
    t->entries = PyMem_Calloc(t->size, sizeof *t->entries);
    if (!t->entries)
        PyErr_NoMemory();
    return t->entries ? 0 : -1;
}

/* The number of a node, or -1. */
static inline Py_ssize_t table_find(const Table *t, PyObject *key)
{
    Entry *e = table_place(t, key);
    return e->key ? e->number : -1;
}

/* Add a node that the table does not have; -1 without memory. */
static inline int table_add(Table *t, PyObject *key, Py_ssize_t number)
{
    if (2 * (t->used + 1) > t->size) {
        Table more;
        if (table_make(&more, 2 * t->size) < 0)
            return -1;
        for (size_t k = 0; k < t->size; k++)
            if (t->entries[k].key)
                *table_place(&more, t->entries[k].key) = t->entries[k];
        more.used = t->used;
        PyMem_Free(t->entries);
        *t = more;
    }
    Entry *e = table_place(t, key);
    e->key = key;
    e->number = number;
    t->used++;
    return 0;
}

static inline void table_free(Table *t)
{
    PyMem_Free(t->entries);
    t->entries = NULL;
}

#endif

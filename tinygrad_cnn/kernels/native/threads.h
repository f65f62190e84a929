/* A small thread pool: fixed pieces of work, taken in turn by whoever is free. */
#ifndef TG_THREADS_H
#define TG_THREADS_H

#include <stddef.h>
#include <stdint.h>

/* One piece of a job.  `scratch` is this thread's own memory, 64-byte aligned. */
typedef void (*piece_fn)(const void *job, int64_t piece, char *scratch);

/* The right to run jobs, and memory for them.  Between open and close, pool_run may be called any number of times. */
typedef struct {
    char *shared; /* `shared` bytes for the whole job */
    char *own;    /* then one slice for each thread */
    size_t slice;
    int threads; /* 1 if another thread of the program holds the pool */
    void *base;
    int cached; /* the pool is ours, and its memory is kept for the next call */
} lease;

int pool_open(lease *l, size_t shared, size_t slice, double work); /* 0, or -1 without memory */
void pool_run(const lease *l, piece_fn fn, const void *job, int64_t pieces);
void pool_close(lease *l);

void pool_set_threads(int n);
int pool_get_threads(void);
void pool_empty(void); /* free the memory kept between calls */
void pool_init(void);

#endif

/* What the module calls: one table of kernels for each instruction set and each type. */
#ifndef TG_KERNELS_H
#define TG_KERNELS_H

#include <stdint.h>

/* A convolution of x (n,h,w,c) with filters (i,j,c/groups,o) to y (n,oh,ow,o).  Pixels outside x read as zero. */
typedef struct {
    int64_t n, h, w, c, o, i, j, oh, ow;
    int64_t sh, sw, ph, pw, dh, dw; /* stride, padding above and to the left, dilation */
    int64_t groups;
    int relu;
} conv_shape;

enum { MAX_POOL, TAKE_POOL, AVG_POOL, MAX_PUT, AVG_PUT }; /* what pool2d does */
enum { RELU, RELU_DX, ADD_RELU, SGD, ADAM };              /* what each does, element by element */
enum { SCALE_SHIFT, NORM_DX };                            /* what rowwise does */
enum { COLUMN_SUMS, MOMENTS, NORM_SUMS, SQUARES };        /* what columns does; SQUARES inside only */

extern int tg_winograd; /* when to use winograd.h */
enum { WINOGRAD_NEVER, WINOGRAD_FASTER, WINOGRAD_ALWAYS };

/* Each returns 0, or -1 without memory.  Pointers are to C-contiguous arrays of the table's type. */
typedef struct {
    int (*conv2d)(const conv_shape *, const void *x, const void *w, const void *b, void *y);
    int (*conv2d_dx)(const conv_shape *, const void *dy, const void *w, void *dx);
    int (*conv2d_dw)(const conv_shape *, const void *x, const void *dy, void *dw);
    int (*pool2d)(const conv_shape *, int what, const void *in, const void *counts, void *tap, void *out);
    int (*each)(int what, int64_t size, const void *a, const void *b, void *out, void *out2, void *out3,
                const double *k);
    int (*rowwise)(int what, int relu, int64_t rows, int64_t columns, const void *a, const void *b, const void *mask,
                   const void *p, const void *q, const void *r, const void *shift, void *out);
    int (*columns)(int what, int64_t rows, int64_t columns, const void *a, const void *b, const void *mask,
                   const void *mean, void *out, void *out2);
} kernel_table;

typedef struct {
    const char *name;
    kernel_table f32, f64;
} instruction_set;

#endif

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

/* Each returns 0, or -1 without memory.  Pointers are to C-contiguous arrays of the table's type. */
typedef struct {
    int (*conv2d)(const conv_shape *, const void *x, const void *w, const void *b, void *y);
    int (*conv2d_dx)(const conv_shape *, const void *dy, const void *w, void *dx);
    int (*conv2d_dw)(const conv_shape *, const void *x, const void *dy, void *dw);
} kernel_table;

typedef struct {
    const char *name;
    kernel_table f32, f64;
} instruction_set;

#endif

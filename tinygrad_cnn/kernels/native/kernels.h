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

/* The operations of each kernel that has several.  These lists are the only place that numbers them: C makes an enum of
 * each, and the module hands the same constants to Python. */
#define POOL2D_OPERATIONS(X) X(MAX_POOL) X(TAKE_POOL) X(AVG_POOL) X(MAX_PUT) X(AVG_PUT) /* forward passes first */
#define EACH_OPERATIONS(X) EACH_FUNCTIONS(X) SMOOTH_FUNCTIONS(X) X(SGD) X(ADAM)         /* optimisers last */
#define ROWWISE_OPERATIONS(X) X(SCALE_SHIFT) X(NORM_DX)
#define COLUMNS_OPERATIONS(X) X(COLUMN_SUMS) X(MOMENTS) X(NORM_SUMS)

/* Functions of single elements: the name, how many arrays it takes, and the result for elements a and b.  Each line is
 * all the C code of its kernel; k is a number given with the call. */
#define EACH_FUNCTIONS(X)                                                                                             \
    X(RELU, 1, a < 0 ? 0 : a)                                                                                         \
    X(RELU_DX, 2, b > 0 ? a : 0)                                                                                      \
    X(ADD_RELU, 2, a + b < 0 ? 0 : a + b)                                                                             \
    X(LEAKY_RELU, 1, a > 0 ? a : a * k)                                                                               \
    X(LEAKY_RELU_DX, 2, b > 0 ? a : a * k)

/* Functions made of the exponential: the name, and how many arrays it takes; smooth.h has them. */
#define SMOOTH_FUNCTIONS(X)                                                                                           \
    X(SIGMOID, 1) X(SOFTPLUS, 1) X(ERF, 1) X(SILU, 1) X(SILU_DX, 2) X(GELU, 1) X(GELU_DX, 2) X(ELU, 1) X(ELU_DX, 2)    \
    X(MISH, 1) X(MISH_DX, 2) X(GELU_TANH, 1) X(GELU_TANH_DX, 2)

/* Functions of rows (rows.h): the name, the arrays that are read and those that are written: R rows, s a number for each
 * row, r the same or None, c a number for each column or None. */
#define ROWS_OPERATIONS(X)                                                                                            \
    X(SOFTMAX, "R", "Rrr") X(LOG_SOFTMAX, "R", "R") X(SOFTMAX_DX, "RR", "R") X(LOG_SOFTMAX_DX, "RR", "R")             \
    X(LAYER_NORM, "Rcc", "Rss") X(LAYER_NORM_DX, "RRcss", "Rcc")                                                       \
    X(RMS_NORM, "Rcc", "Rrs") X(RMS_NORM_DX, "RRcrs", "Rcc")

/* The same of group norm; s and r are then a number for each group of each sample. */
#define GROUP_OPERATIONS(X) X(GROUP_NORM, "Rcc", "Rss") X(GROUP_NORM_DX, "RRcss", "Rcc")
/* Steps of recurrent networks (gates.h): the name, and of the arrays that are read and written how many gates wide. */
#define GATES_OPERATIONS(X)                                                                                           \
    X(LSTM_GATES, "441", "411") X(LSTM_GATES_DX, "11411", "41") X(GRU_GATES, "331", "41") X(GRU_GATES_DX, "141", "331")
#define REDUCE_OPERATIONS(X) X(SUMS) X(MAXIMA) X(MINIMA)
#define ARITH_OPERATIONS(X) X(ADD) X(SUB) X(MUL) X(DIV)

#define LISTED(name, ...) name,
enum { POOL2D_OPERATIONS(LISTED) POOL2D_COUNT };
enum { EACH_OPERATIONS(LISTED) EACH_COUNT };
enum { ROWWISE_OPERATIONS(LISTED) ROWWISE_COUNT };
enum { COLUMNS_OPERATIONS(LISTED) COLUMNS_COUNT, SQUARES }; /* SQUARES: a step of MOMENTS, not asked for by itself */
enum { ROWS_OPERATIONS(LISTED) ROWS_COUNT };
enum { GROUP_OPERATIONS(LISTED) GROUP_COUNT };
enum { REDUCE_OPERATIONS(LISTED) REDUCE_COUNT };
enum { GATES_OPERATIONS(LISTED) GATES_COUNT };
enum { ARITH_OPERATIONS(LISTED) ARITH_COUNT };
#undef LISTED

/* When to use winograd.h, and the words for it in Python: the first line is for users, "2x2" with the smaller squares
 * only; the others, with squares of one size wherever they can be used, are for tests. */
#define WINOGRAD_CHOICES(X)                                                                                           \
    X(NEVER, "never") X(SMALL, "2x2") X(FASTER, "faster")                                                             \
    X(POSSIBLE_2, "possible 2x2") X(POSSIBLE_4, "possible 4x4")
#define LISTED(name, word) WINOGRAD_##name,
enum { WINOGRAD_CHOICES(LISTED) };
#undef LISTED
extern int tg_winograd;

/* Do the numbers of a window's taps need four bytes each, or one? */
static inline int wide_taps(const conv_shape *s) { return s->i * s->j > 256; }

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
    int (*rows)(int what, int64_t rows, int64_t n, const void *const *in, void *const *out, double k);
    int (*group_norm)(int what, int64_t samples, int64_t places, int64_t channels, int64_t groups,
                      const void *const *in, void *const *out, double eps);
    int (*arith)(int what, const int64_t *size, const int64_t *p_step, const int64_t *q_step, const void *p, const void *q,
                 void *out);
    int (*gates)(int what, int64_t rows, int64_t hidden, const void *const *in, void *const *out);
    int (*choose)(int64_t size, const void *mask, const void *p, const void *q, double a, double b, void *out);
    int (*reduce)(int what, int64_t outer, int64_t m, int64_t c, const void *x, void *out);
} kernel_table;

typedef struct {
    const char *name;
    kernel_table f32, f64;
} instruction_set;

#endif

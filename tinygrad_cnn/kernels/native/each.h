/* What passes over memory once: activations, batch norm, optimisers. */

#define EACH 16384 /* elements in a piece of an element-wise pass */

typedef struct {
    int what, relu;
    int64_t size, rows, columns, block; /* elements; or rows x columns, in blocks of rows */
    const T *a, *b, *c, *p, *q, *r;     /* whole arrays, and one value per column */
    T *out, *out2, *out3;
    const double *k; /* numbers of an optimiser */
} FN(pass);

/* ---- one element at a time ------------------------------------------------------------------------------------------
 */

static NOINLINE void FN(sgd)(const FN(pass) * v, int64_t from, int64_t upto)
{
    const T *g = v->a;
    T *p = v->out, *m = v->out2;
    const T lr = (T)v->k[0], momentum = (T)v->k[1], keep = (T)(1 - v->k[2]), decay = (T)v->k[3];
    /* Without decay p is not looked at: 0 times an infinite weight is NaN. */
    if (!m)
        for (int64_t i = from; i < upto; i++) p[i] -= lr * (decay != 0 ? g[i] + decay * p[i] : g[i]);
    else if (v->k[4] != 0)
        for (int64_t i = from; i < upto; i++) {
            const T d = decay != 0 ? g[i] + decay * p[i] : g[i], b = momentum * m[i] + keep * d;
            m[i] = b, p[i] -= lr * (d + momentum * b);
        }
    else
        for (int64_t i = from; i < upto; i++) {
            const T b = momentum * m[i] + keep * (decay != 0 ? g[i] + decay * p[i] : g[i]);
            m[i] = b, p[i] -= lr * b;
        }
}

/* k: lr, beta1, beta2, eps, decay, decoupled?, 1 - beta1^step, 1 - beta2^step */
static NOINLINE void FN(adam)(const FN(pass) * v, int64_t from, int64_t upto)
{
    const double *k = v->k;
    const T *g = v->a;
    T *p = v->out, *m = v->out2, *s = v->out3;
    const T b1 = (T)k[1], b2 = (T)k[2], c1 = (T)(1 - k[1]), c2 = (T)(1 - k[2]), eps = (T)k[3],
            root = (T)(1 / sqrt(k[7]));
    const T decay = k[5] != 0 ? 0 : (T)k[4], shrink = k[5] != 0 ? (T)(1 - k[0] * k[4]) : 1, rate = (T)(k[0] / k[6]);
    for (int64_t i = from; i < upto; i++) {
        const T d = decay != 0 ? g[i] + decay * p[i] : g[i];
        const T mean = b1 * m[i] + c1 * d, square = b2 * s[i] + c2 * d * d;
        m[i] = mean, s[i] = square;
        p[i] = shrink * p[i] - rate * mean / (FN(root)(square) * root + eps);
    }
}

/* A step of an optimiser.  Sums of gradients come here too (SGD without state and decay): they keep denormal numbers. */
static void FN(step)(const FN(pass) * v, int64_t from, int64_t upto)
{
    const int keeps = v->what == SGD && !v->out2 && v->k[3] == 0;
    const fp_control before = keeps ? 0 : flush_denormals();
    if (v->what == SGD) FN(sgd)(v, from, upto);
    else FN(adam)(v, from, upto);
    if (!keeps) restore_denormals(before);
}

static void FN(each_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(pass) *v = job;
    (void)scratch;
    const int64_t from = piece * EACH, upto = least(v->size, from + EACH);
    const T *p = v->a, *q = v->b;
    T *out = v->out;
    const T number = v->k ? (T)v->k[0] : 0;
    switch (v->what) {
#define CASE(name, arrays, result)                                                                                    \
    case name:                                                                                                        \
        for (int64_t i = from; i < upto; i++) {                                                                       \
            const T a = p[i], b = arrays > 1 ? q[i] : 0, k = number;                                                  \
            (void)b, (void)k;                                                                                         \
            out[i] = result;                                                                                          \
        }                                                                                                             \
        break;
        EACH_FUNCTIONS(CASE)
#undef CASE
#define CASE(name, arrays) case name: FN(PASTE(all_, name))(p, q, out, from, upto, (T)v->k[0]); break;
        SMOOTH_FUNCTIONS(CASE)
#undef CASE
    default: FN(step)(v, from, upto);
    }
}

static int FN(each)(int what, int64_t size, const void *a, const void *b, void *out, void *out2, void *out3,
                    const double *k)
{
    FN(pass) v = {.what = what, .size = size, .a = a, .b = b, .out = out, .out2 = out2, .out3 = out3, .k = k};
    lease l;
    if (pool_open(&l, 0, 0, (double)size * (what >= SIGMOID && what < SGD ? 40 : 4))) return -1;
    pool_run(&l, FN(each_piece), &v, ceil_div(size, EACH));
    pool_close(&l);
    return 0;
}

/* ---- rows with one value per column ---------------------------------------------------------------------------------
 */

/* out = a*p + q (SCALE_SHIFT), or a*p + (b - r)*q + c (NORM_DX, where a counts only where `mask` > 0); then relu. */
INLINE void FN(affine)(const FN(pass) * v, const int what, const int relu, int64_t from, int64_t upto, const T *mask)
{
    const int64_t n = v->columns;
    for (int64_t i = from; i < upto; i++) {
        const T *a = v->a + i * n, *p = v->p, *q = v->q, *r = v->r;
        T *out = v->out + i * n;
        if (what == SCALE_SHIFT)
            for (int64_t j = 0; j < n; j++) {
                const T t = a[j] * p[j] + q[j];
                out[j] = relu && t < 0 ? 0 : t;
            }
        else {
            const T *b = v->b + i * n, *y = mask ? mask + i * n : NULL, *shift = v->out3;
            if (y)
                for (int64_t j = 0; j < n; j++) out[j] = (y[j] > 0 ? a[j] : 0) * p[j] + (b[j] - r[j]) * q[j] + shift[j];
            else
                for (int64_t j = 0; j < n; j++) out[j] = a[j] * p[j] + (b[j] - r[j]) * q[j] + shift[j];
        }
    }
}

static void FN(affine_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(pass) *v = job;
    (void)scratch;
    const int64_t from = piece * v->block, upto = least(v->rows, from + v->block);
    if (v->what == SCALE_SHIFT && v->relu) FN(affine)(v, SCALE_SHIFT, 1, from, upto, NULL);
    else if (v->what == SCALE_SHIFT) FN(affine)(v, SCALE_SHIFT, 0, from, upto, NULL);
    else FN(affine)(v, NORM_DX, 0, from, upto, v->c);
}

static int FN(rowwise)(int what, int relu, int64_t rows, int64_t columns, const void *a, const void *b,
                       const void *mask, const void *p, const void *q, const void *r, const void *shift, void *out)
{
    FN(pass)
    v = {.what = what,
         .relu = relu,
         .rows = rows,
         .columns = columns,
         .block = most(1, EACH / columns),
         .a = a,
         .b = b,
         .c = mask,
         .p = p,
         .q = q,
         .r = r,
         .out = out,
         .out3 = (T *)shift};
    lease l;
    if (pool_open(&l, 0, 0, (double)rows * columns * 4)) return -1;
    pool_run(&l, FN(affine_piece), &v, ceil_div(rows, v.block));
    pool_close(&l);
    return 0;
}

/* ---- sums down the columns ------------------------------------------------------------------------------------------
 * Rows are cut into blocks that depend on the shape alone; each block has its own sums, added in order. */

/* Sums over rows from..upto of one vector of columns, four rows side by side. */
INLINE void FN(column_sums)(const FN(pass) * v, const int what, int64_t from, int64_t upto, int64_t c, const T *mean,
                            T *to, T *to2)
{
    const int64_t n = v->columns, left = n - c;
    const T *end = v->a + v->rows * n, *b_end = v->b ? v->b + v->rows * n : NULL,
            *y_end = v->c ? v->c + v->rows * n : NULL;
    VEC sum[4] = {{0}}, sum2[4] = {{0}}, m = {0};
    if (mean) m = FN(load_some)(mean, left, mean + left);
    for (int64_t i = from; i < upto; i += 4) UNROLL for (int u = 0; u < 4; u++)
        {
            if (i + u >= upto) break;
            const int64_t at = (i + u) * n + c;
            VEC a = FN(load_some)(v->a + at, left, end);
            if (what == SQUARES) a -= m, a *= a;
            if (what == NORM_SUMS) {
                if (v->c) a = (VEC)((IVEC)a & (IVEC)(FN(load_some)(v->c + at, left, y_end) > 0));
                sum2[u] += a * (FN(load_some)(v->b + at, left, b_end) - m);
            }
            sum[u] += a;
        }
    FN(store_some)(to, (sum[0] + sum[1]) + (sum[2] + sum[3]), left);
    if (what == NORM_SUMS) FN(store_some)(to2, (sum2[0] + sum2[1]) + (sum2[2] + sum2[3]), left);
}

static void FN(sums_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(pass) *v = job;
    (void)scratch;
    const int64_t n = v->columns, from = piece * v->block, upto = least(v->rows, from + v->block);
    T *to = v->out + piece * 2 * n, *to2 = to + n;
    for (int64_t c = 0; c < n; c += LANES) {
        if (v->what == NORM_SUMS) {
            FN(column_sums)(v, NORM_SUMS, from, upto, c, v->p + c, to + c, to2 + c);
            continue;
        }
        FN(column_sums)(v, COLUMN_SUMS, from, upto, c, NULL, to + c, NULL);
        if (v->what == COLUMN_SUMS) continue;
        const int64_t left = least(LANES, n - c); /* moments: the block's mean, then squares about it */
        for (int64_t i = 0; i < left; i++) to[c + i] /= (T)(upto - from);
        FN(column_sums)(v, SQUARES, from, upto, c, to + c, to2 + c, NULL);
    }
}

/* Add two blocks' means and squares about the mean (Chan, Golub and LeVeque). */
static void FN(add_moments)(T *mean, T *squares, T *more_mean, T *more_squares, int64_t n, double rows, double more)
{
    const T share = (T)(more / (rows + more)), weight = (T)(rows * more / (rows + more));
    for (int64_t i = 0; i < n; i++) {
        const T d = more_mean[i] - mean[i];
        mean[i] += d * share;
        squares[i] += more_squares[i] + d * d * weight;
    }
}

/* COLUMN_SUMS: out. NORM_SUMS: sums of a and of a*(b - mean), a counting where mask > 0. MOMENTS: mean and variance. */
static int FN(columns)(int what, int64_t rows, int64_t columns, const void *a, const void *b, const void *mask,
                       const void *mean, void *out, void *out2)
{
    FN(pass) v = {.what = what, .rows = rows, .columns = columns, .a = a, .b = b, .c = mask, .p = mean};
    v.block = most(most(1, EACH / columns), ceil_div(rows, 64));
    const int64_t blocks = ceil_div(rows, v.block), n = columns;
    lease l;
    if (pool_open(&l, blocks * 2 * n * sizeof(T), 0, (double)rows * columns * 4)) return -1;
    v.out = (T *)l.shared;
    pool_run(&l, FN(sums_piece), &v, blocks);
    T *first = v.out;
    for (int64_t i = 1; i < blocks; i++) {
        T *more = first + i * 2 * n;
        if (what == MOMENTS)
            FN(add_moments)(first, first + n, more, more + n, n, (double)i * v.block,
                            (double)least(v.block, rows - i * v.block));
        else
            for (int64_t j = 0; j < (what == NORM_SUMS ? 2 : 1) * n; j++) first[j] += more[j];
    }
    memcpy(out, first, n * sizeof(T));
    if (what == MOMENTS)
        for (int64_t j = 0; j < n; j++) ((T *)out2)[j] = first[n + j] / (T)rows;
    if (what == NORM_SUMS) memcpy(out2, first + n, n * sizeof(T));
    pool_close(&l);
    return 0;
}

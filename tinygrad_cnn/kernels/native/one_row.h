/* A dense layer and one picture: a row times a matrix, w (C,O).  The time goes into reading or writing w once, in the
 * order in which it lies in memory; nothing is packed. */

typedef struct {
    const T *x, *dy, *w;
    T *out;
    int64_t c, o, block; /* rows of w in a piece */
} FN(row_job);

static int FN(one_row)(const conv_shape *s)
{
    return s->n == 1 && s->h * s->w * s->i * s->j * s->oh * s->ow * s->groups == 1 && !s->ph && !s->pw &&
           s->c * s->o >= 1024 && s->o >= 2 * LANES;
}

static int64_t FN(row_block)(const conv_shape *s) { return most(most(8, 16384 / s->o), ceil_div(s->c, 64)); }

/* Partial sums over `count` rows of w, from one vector of columns to the next. */
INLINE void FN(add_rows)(const FN(row_job) * v, const int count, int64_t row, T *sums)
{
    const T *w = v->w + row * v->o, *end = v->w + v->c * v->o;
    int64_t at = 0;
    for (; at + LANES <= v->o; at += LANES) {
        VEC sum = FN(load)(sums + at);
        UNROLL for (int u = 0; u < count; u++) sum += v->x[row + u] * FN(load)(w + u * v->o + at);
        FN(store)(sums + at, sum);
    }
    if (at == v->o) return;
    VEC sum = FN(load)(sums + at); /* the lanes behind the last column are never used */
    UNROLL for (int u = 0; u < count; u++) sum += v->x[row + u] * FN(load_some)(w + u * v->o + at, v->o - at, end);
    FN(store)(sums + at, sum);
}

static void FN(row_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(row_job) own = *(const FN(row_job) *)job, *v = &own;
    (void)scratch;
    T *sums = memset(v->out + piece * FN(padded)(v->o), 0, FN(padded)(v->o) * sizeof(T));
    int64_t row = piece * v->block, upto = least(v->c, row + v->block);
    for (; row + 8 <= upto; row += 8) FN(add_rows)(v, 8, row, sums);
    for (; row < upto; row++) FN(add_rows)(v, 1, row, sums);
}

static int FN(row_conv2d)(const conv_shape *s, const T *x, const T *w, const T *b, T *y)
{
    FN(row_job) v = {.x = x, .w = w, .c = s->c, .o = s->o, .block = FN(row_block)(s)};
    const int64_t pieces = ceil_div(s->c, v.block), padded = FN(padded)(s->o);
    lease l;
    if (pool_open(&l, pieces * padded * sizeof(T), 0, (double)s->c * s->o)) return -1;
    v.out = (T *)l.shared;
    pool_run(&l, FN(row_piece), &v, pieces);
    for (int64_t i = 1; i < pieces; i++)
        for (int64_t o = 0; o < s->o; o++) v.out[o] += v.out[i * padded + o];
    for (int64_t o = 0; o < s->o; o++) {
        const T t = b ? v.out[o] + b[o] : v.out[o];
        y[o] = s->relu && t < 0 ? 0 : t;
    }
    pool_close(&l);
    return 0;
}

/* Lanes of the last vector of a row, zeros behind it. */
INLINE VEC FN(load_rest)(const T *p, int64_t n)
{
    T lanes[VEC_BYTES / sizeof(T)] __attribute__((aligned(VEC_BYTES))) = {0};
    FN(copy_lanes)(lanes, p, n);
    return FN(load)(lanes);
}

/* Products of dy with `count` rows of w. */
INLINE void FN(dot_rows)(const FN(row_job) * v, const int count, int64_t row)
{
    const T *w = v->w + row * v->o;
    VEC sum[4];
    UNROLL for (int u = 0; u < count; u++) sum[u] = (VEC){0};
    int64_t at = 0;
    for (; at + LANES <= v->o; at += LANES) {
        const VEC g = FN(load)(v->dy + at);
        UNROLL for (int u = 0; u < count; u++) sum[u] += g * FN(load)(w + u * v->o + at);
    }
    if (at < v->o) {
        const VEC g = FN(load_rest)(v->dy + at, v->o - at);
        UNROLL for (int u = 0; u < count; u++) sum[u] += g * FN(load_rest)(w + u * v->o + at, v->o - at);
    }
    UNROLL for (int u = 0; u < count; u++)
    {
        T lanes[VEC_BYTES / sizeof(T)] __attribute__((aligned(VEC_BYTES)));
        FN(store)(lanes, sum[u]);
        UNROLL for (int64_t half = LANES / 2; half; half /= 2)
        {
            UNROLL for (int64_t l = 0; l < half; l++) lanes[l] += lanes[l + half];
        }
        v->out[row + u] = lanes[0];
    }
}

static void FN(row_dx_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(row_job) own = *(const FN(row_job) *)job, *v = &own;
    (void)scratch;
    int64_t row = piece * v->block, upto = least(v->c, row + v->block);
    for (; row + 4 <= upto; row += 4) FN(dot_rows)(v, 4, row);
    for (; row < upto; row++) FN(dot_rows)(v, 1, row);
}

static void FN(row_dw_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(row_job) own = *(const FN(row_job) *)job, *v = &own;
    (void)scratch;
    for (int64_t row = piece * v->block; row < least(v->c, (piece + 1) * v->block); row++) {
        const T x = v->x[row];
        T *restrict to = v->out + row * v->o;
        const T *restrict dy = v->dy;
        for (int64_t o = 0; o < v->o; o++) to[o] = x * dy[o];
    }
}

static int FN(row_gradient)(const conv_shape *s, piece_fn fn, const T *x, const T *dy, const T *w, T *out)
{
    FN(row_job) v = {x, dy, w, out, s->c, s->o, FN(row_block)(s)};
    lease l;
    if (pool_open(&l, 0, 0, (double)s->c * s->o)) return -1;
    pool_run(&l, fn, &v, ceil_div(s->c, v.block));
    pool_close(&l);
    return 0;
}

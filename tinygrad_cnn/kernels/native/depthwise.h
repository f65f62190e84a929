/* Convolutions with one filter for each channel: no sum over channels, so vectors run over channels and a few pixels or
 * taps are kept in registers.  Filters are (I, J, 1, C). */

typedef struct {
    const conv_shape *s;
    const T *in, *dy, *w, *b;
    T *out;
    int64_t rows, chunks; /* rows of a piece; or pieces of the gradient for w */
    int relu;
} FN(depthwise);

/* One vector of channels of `count` output pixels of a row, all with taps i0..i1 x j0..j1 inside; `three` neighbouring
 * taps share what they read. */
INLINE void FN(depthwise_pixels)(const FN(depthwise) * v, const int count, const int three, const T *image, T *y,
                                 int64_t h, int64_t w, int64_t c, int64_t n, int64_t i0, int64_t i1, int64_t j0,
                                 int64_t j1)
{
    const conv_shape *s = v->s;
    const T *end = v->in + s->n * s->h * s->w * s->c, *w_end = v->w + s->i * s->j * s->c;
    VEC sum[8];
    const VEC start = v->b ? FN(load_some)(v->b + c, n, v->b + s->c) : (VEC){0};
    UNROLL for (int r = 0; r < count; r++) sum[r] = start;
    for (int64_t i = i0; i < i1; i++) {
        const T *x = image + ((h + i * s->dh) * s->w + w) * s->c + c, *f = v->w + i * s->j * s->c + c;
        if (three) {
            VEC filter[3];
            UNROLL for (int j = 0; j < 3; j++) filter[j] = FN(load_some)(f + j * s->c, n, w_end);
            UNROLL for (int at = 0; at < count + 2; at++)
            {
                const VEC a = FN(load_some)(x + at * s->c, n, end);
                UNROLL for (int j = 0; j < 3; j++)
                    if (at >= j && at - j < count) sum[at - j] += a * filter[j];
            }
            continue;
        }
        for (int64_t j = j0; j < j1; j++) {
            const VEC filter = FN(load_some)(f + j * s->c, n, w_end);
            UNROLL for (int r = 0; r < count; r++)
                sum[r] += FN(load_some)(x + (r * s->sw + j * s->dw) * s->c, n, end) * filter;
        }
    }
    UNROLL for (int r = 0; r < count; r++) FN(store_some)(y + r * s->c + c, v->relu ? FN(relu_vec)(sum[r]) : sum[r], n);
}

/* All channels of `count` output pixels. */
INLINE void FN(depthwise_run)(const FN(depthwise) * v, const int count, const int three, const T *image, T *y,
                              int64_t h, int64_t w, int64_t i0, int64_t i1, int64_t j0, int64_t j1)
{
    int64_t c = 0;
    for (; c + LANES <= v->s->c; c += LANES)
        FN(depthwise_pixels)(v, count, three, image, y, h, w, c, LANES, i0, i1, j0, j1);
    if (c < v->s->c) FN(depthwise_pixels)(v, count, 0, image, y, h, w, c, v->s->c - c, i0, i1, j0, j1);
}

static void FN(depthwise_piece)(const void *job, int64_t piece, char *scratch)
{
    FN(depthwise) own = *(const FN(depthwise) *)job, *v = &own; /* a copy, which no store can alias */
    const conv_shape shape = *own.s, *s = &shape;
    own.s = s;
    (void)scratch;
    const int three = s->j == 3 && s->sw == 1 && s->dw == 1;
    const int64_t whole = (s->w + s->pw - (s->j - 1) * s->dw - 1) / s->sw + 1; /* windows up to here do not stick out */
    for (int64_t row = piece * v->rows; row < least(s->n * s->oh, (piece + 1) * v->rows); row++) {
        const int64_t h = row % s->oh * s->sh - s->ph;
        const T *image = v->in + row / s->oh * s->h * s->w * s->c;
        int64_t i0, i1, j0, j1;
        inside(h, s->h, s->dh, s->i, &i0, &i1);
        for (int64_t r = 0, count; r < s->ow; r += count) {
            const int64_t w = r * s->sw - s->pw, left = w >= 0 ? least(s->ow, whole) - r : 1;
            inside(w, s->w, s->dw, s->j, &j0, &j1);
            count = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
            T *y = v->out + (row * s->ow + r) * s->c;
            if (count == 8 && three) FN(depthwise_run)(v, 8, 1, image, y, h, w, i0, i1, 0, 3);
            else if (count == 4 && three) FN(depthwise_run)(v, 4, 1, image, y, h, w, i0, i1, 0, 3);
            else if (count == 8) FN(depthwise_run)(v, 8, 0, image, y, h, w, i0, i1, j0, j1);
            else if (count == 4) FN(depthwise_run)(v, 4, 0, image, y, h, w, i0, i1, j0, j1);
            else if (count == 2) FN(depthwise_run)(v, 2, 0, image, y, h, w, i0, i1, j0, j1);
            else FN(depthwise_run)(v, 1, 0, image, y, h, w, i0, i1, j0, j1);
        }
    }
}

/* One vector of channels of one dx pixel: what each window over it owes. */
INLINE void FN(depthwise_owed)(const FN(depthwise) * v, const T *image, T *to, int64_t c, int64_t n, const owed *rows,
                               int64_t rows_owed, const owed *cols, int64_t cols_owed)
{
    const conv_shape *s = v->s;
    const T *end = v->in + s->n * s->oh * s->ow * s->c, *w_end = v->w + s->i * s->j * s->c;
    VEC sum = {0};
    for (int64_t a = 0; a < rows_owed; a++)
        for (int64_t b = 0; b < cols_owed; b++)
            sum += FN(load_some)(image + (rows[a].at * s->ow + cols[b].at) * s->c + c, n, end) *
                   FN(load_some)(v->w + (rows[a].tap * s->j + cols[b].tap) * s->c + c, n, w_end);
    FN(store_some)(to + c, sum, n);
}

static void FN(depthwise_dx_piece)(const void *job, int64_t piece, char *scratch)
{
    FN(depthwise) own = *(const FN(depthwise) *)job, *v = &own; /* a copy, which no store can alias */
    const conv_shape shape = *own.s, *s = &shape;
    own.s = s;
    owed *rows = (owed *)scratch, *lists = rows + s->i;
    int64_t rows_owed, *cols_owed = (int64_t *)(lists + s->w * s->j);
    list_owed(0, s->w, s->pw, s->sw, s->dw, s->j, s->ow, s->j, lists, cols_owed);
    for (int64_t row = piece * v->rows; row < least(s->n * s->h, (piece + 1) * v->rows); row++) {
        const T *image = v->in + row / s->h * s->oh * s->ow * s->c;
        list_owed(row % s->h, row % s->h + 1, s->ph, s->sh, s->dh, s->i, s->oh, s->i, rows, &rows_owed);
        for (int64_t w = 0; w < s->w; w++) {
            const owed *cols = lists + w * s->j;
            T *to = v->out + (row * s->w + w) * s->c;
            int64_t c = 0;
            for (; c + LANES <= s->c; c += LANES)
                FN(depthwise_owed)(v, image, to, c, LANES, rows, rows_owed, cols, cols_owed[w]);
            if (c < s->c) FN(depthwise_owed)(v, image, to, c, s->c - c, rows, rows_owed, cols, cols_owed[w]);
        }
    }
}

/* Add one output row's share to `count` neighbouring taps of one vector of channels. */
INLINE void FN(depthwise_taps)(const conv_shape *s, const int count, const T *x, const T *dy, int64_t w0, int64_t n,
                               const T *end, const T *dy_end, T *sums, int64_t step)
{
    VEC sum[5];
    UNROLL for (int j = 0; j < count; j++) sum[j] = FN(load)(sums + j * step);
    for (int64_t r = 0; r < s->ow; r++) {
        const VEC g = FN(load_some)(dy + r * s->c, n, dy_end);
        const int64_t w = r * s->sw + w0;
        if (w >= 0 && w + (count - 1) * s->dw < s->w) {
            UNROLL for (int j = 0; j < count; j++) sum[j] += FN(load_some)(x + (w + j * s->dw) * s->c, n, end) * g;
            continue;
        }
        UNROLL for (int j = 0; j < count; j++)
        {
            const int64_t at = w + j * s->dw;
            if (at >= 0 && at < s->w) sum[j] += FN(load_some)(x + at * s->c, n, end) * g;
        }
    }
    UNROLL for (int j = 0; j < count; j++) FN(store)(sums + j * step, sum[j]);
}

#define TAPS(count)                                                                                                    \
    if (n >= LANES) FN(depthwise_taps)(s, count, x + c, dy + c, w0, LANES, end, dy_end, to, padded);                   \
    else FN(depthwise_taps)(s, count, x + c, dy + c, w0, n, end, dy_end, to, padded)

static void FN(depthwise_dw_piece)(const void *job, int64_t piece, char *scratch)
{
    FN(depthwise) own = *(const FN(depthwise) *)job, *v = &own; /* a copy, which no store can alias */
    const conv_shape shape = *own.s, *s = &shape;
    own.s = s;
    (void)scratch;
    const int64_t padded = FN(padded)(s->c), total = s->n * s->oh;
    const T *end = v->in + s->n * s->h * s->w * s->c, *dy_end = v->dy + total * s->ow * s->c;
    T *sums = v->out + piece * s->i * s->j * padded;
    memset(sums, 0, s->i * s->j * padded * sizeof(T));
    for (int64_t row = piece * total / v->chunks; row < (piece + 1) * total / v->chunks; row++) {
        const T *dy = v->dy + row * s->ow * s->c;
        for (int64_t i = 0; i < s->i; i++) {
            const int64_t h = row % s->oh * s->sh - s->ph + i * s->dh;
            if (h < 0 || h >= s->h) continue;
            const T *x = v->in + (row / s->oh * s->h + h) * s->w * s->c;
            for (int64_t j = 0; j < s->j; j += 5)
                for (int64_t c = 0; c < s->c; c += LANES) {
                    T *to = sums + (i * s->j + j) * padded + c;
                    const int64_t w0 = j * s->dw - s->pw, n = s->c - c;
                    switch (least(5, s->j - j)) {
                    case 1: TAPS(1); break;
                    case 2: TAPS(2); break;
                    case 3: TAPS(3); break;
                    case 4: TAPS(4); break;
                    default: TAPS(5);
                    }
                }
        }
    }
}

#undef TAPS

static int64_t FN(rows_for)(int64_t width) { return most(1, 8192 / width); }

static double FN(depthwise_work)(const conv_shape *s)
{
    return (double)s->n * s->oh * s->ow * s->i * s->j * s->c / LANES * 2;
}

static int FN(depthwise_conv2d)(const conv_shape *s, const T *x, const T *w, const T *b, T *y)
{
    FN(depthwise) v = {.s = s, .in = x, .w = w, .b = b, .out = y, .rows = FN(rows_for)(s->ow * s->c), .relu = s->relu};
    lease l;
    if (pool_open(&l, 0, 0, FN(depthwise_work)(s))) return -1;
    pool_run(&l, FN(depthwise_piece), &v, ceil_div(s->n * s->oh, v.rows));
    pool_close(&l);
    return 0;
}

/* With stride 1, a forward pass over dy with the filters turned round. */
static int FN(depthwise_dx_1)(const conv_shape *s, const T *dy, const T *w, T *dx)
{
    conv_shape t = {.n = s->n,
                    .h = s->oh,
                    .w = s->ow,
                    .c = s->c,
                    .o = s->c,
                    .i = s->i,
                    .j = s->j,
                    .oh = s->h,
                    .ow = s->w,
                    .sh = 1,
                    .sw = 1,
                    .dh = s->dh,
                    .dw = s->dw};
    t.ph = s->dh * (s->i - 1) - s->ph, t.pw = s->dw * (s->j - 1) - s->pw;
    const int64_t taps = s->i * s->j;
    lease l;
    if (pool_open(&l, taps * s->c * sizeof(T), 0, FN(depthwise_work)(&t))) return -1;
    T *turned = (T *)l.shared;
    for (int64_t k = 0; k < taps; k++) memcpy(turned + k * s->c, w + (taps - 1 - k) * s->c, s->c * sizeof(T));
    FN(depthwise) v = {.s = &t, .in = dy, .w = turned, .out = dx, .rows = FN(rows_for)(t.ow * t.c)};
    pool_run(&l, FN(depthwise_piece), &v, ceil_div(t.n * t.oh, v.rows));
    pool_close(&l);
    return 0;
}

static int FN(depthwise_dx)(const conv_shape *s, const T *dy, const T *w, T *dx)
{
    if (s->sh == 1 && s->sw == 1) return FN(depthwise_dx_1)(s, dy, w, dx);
    FN(depthwise) v = {.s = s, .in = dy, .w = w, .out = dx, .rows = FN(rows_for)(s->w * s->c)};
    lease l;
    if (pool_open(&l, 0, (s->i + s->w * s->j) * sizeof(owed) + s->w * sizeof(int64_t), FN(depthwise_work)(s)))
        return -1;
    pool_run(&l, FN(depthwise_dx_piece), &v, ceil_div(s->n * s->h, v.rows));
    pool_close(&l);
    return 0;
}

static int FN(depthwise_dw)(const conv_shape *s, const T *x, const T *dy, T *dw)
{
    const int64_t taps = s->i * s->j, padded = FN(padded)(s->c);
    FN(depthwise) v = {.s = s, .in = x, .dy = dy, .chunks = least(16, s->n * s->oh)};
    lease l;
    if (pool_open(&l, v.chunks * taps * padded * sizeof(T), 0, FN(depthwise_work)(s))) return -1;
    v.out = (T *)l.shared;
    pool_run(&l, FN(depthwise_dw_piece), &v, v.chunks);
    for (int64_t i = 1; i < v.chunks; i++)
        for (int64_t k = 0; k < taps * padded; k++) v.out[k] += v.out[i * taps * padded + k];
    for (int64_t t = 0; t < taps; t++) memcpy(dw + t * s->c, v.out + t * padded, s->c * sizeof(T));
    pool_close(&l);
    return 0;
}

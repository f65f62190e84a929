/* Convolutions with few output channels, which would leave most lanes of a vector idle.
 *
 * P neighbouring output pixels of a row lie side by side in memory, so they are P*O channels of one pixel of an output
 * that is P times narrower: a convolution with P times the stride and a window that covers all P windows, whose filters
 * are the given ones, each shifted by its pixel, among zeros.  Six channels fill 12 lanes of 16 instead of 6, for
 * 6/5 of the steps when the window has 5 columns.
 *
 * An infinity or NaN times such a zero would leak into a neighbour; it shows as a NaN, and then the work is done again
 * without this trick. */

/* How many pixels to take together: the most useful products for each one computed. */
static int64_t FN(pixels_together)(int64_t channels, int64_t width, int64_t window, int64_t stride)
{
    int64_t best = 1;
    double gain = 1.2 * (double)channels / (double)FN(padded)(channels); /* less is not worth the trouble */
    for (int64_t p = 2; p <= LANES && p <= width && channels < LANES; p++) {
        if (width % p) continue;
        const double share = (double)(p * channels) / (double)FN(padded)(p * channels) * (double)window /
                             (double)(window + (p - 1) * stride);
        if (share > gain) best = p, gain = share;
    }
    return best;
}

static conv_shape FN(together)(const conv_shape *s, int64_t p)
{
    conv_shape t = *s;
    t.o = p * s->o, t.ow = s->ow / p, t.sw = p * s->sw, t.j = s->j + (p - 1) * s->sw;
    return t;
}

/* Filters of one row of the window, w (J,C,O), spread over the p pixels; then the bias, p times. */
static void FN(spread)(const conv_shape *s, int64_t p, const T *w, const T *b, T *to)
{
    const conv_shape t = FN(together)(s, p);
    T *bias = memset(to, 0, t.i * t.j * t.c * t.o * sizeof(T));
    bias += t.i * t.j * t.c * t.o;
    for (int64_t k = 0; k < p; k++) {
        for (int64_t i = 0; i < s->i; i++)
            for (int64_t row = 0; row < s->j * s->c; row++)
                memcpy(to + ((i * t.j + k * s->sw) * t.c + row) * t.o + k * s->o, w + (i * s->j * s->c + row) * s->o,
                       s->o * sizeof(T));
        if (b) memcpy(bias + k * s->o, b, s->o * sizeof(T));
    }
}

typedef struct {
    const T *y;
    int64_t size, block;
    int found;
} FN(nan_search);

static void FN(find_nan)(const void *job, int64_t piece, char *scratch)
{
    FN(nan_search) *v = (FN(nan_search) *)job;
    (void)scratch;
    INT found = 0;
    for (int64_t i = piece * v->block; i < least(v->size, (piece + 1) * v->block); i++) found |= v->y[i] != v->y[i];
    if (found) __atomic_store_n(&v->found, 1, __ATOMIC_RELAXED);
}

/* 0 when done, 1 if the result holds a NaN, -1 without memory. */
static int FN(narrow_conv2d)(const conv_shape *s, int64_t p, const T *x, const T *w, const T *b, T *y)
{
    const conv_shape t = FN(together)(s, p);
    const int64_t filters = t.i * t.j * t.c * t.o;
    T *wide = malloc((filters + t.o) * sizeof(T));
    if (!wide) return -1;
    FN(spread)(s, p, w, b, wide);
    int failed = FN(plain_conv2d)(&t, x, wide, b ? wide + filters : NULL, y);
    free(wide);
    FN(nan_search) v = {y, s->n * s->oh * s->ow * s->o, 16384, 0};
    lease l;
    if (failed || pool_open(&l, 0, 0, (double)v.size)) return -1;
    pool_run(&l, FN(find_nan), &v, ceil_div(v.size, v.block));
    pool_close(&l);
    return v.found;
}

static int FN(conv2d)(const conv_shape *s, const void *x, const void *w, const void *b, void *y)
{
    const int64_t p = s->groups > 1 || s->dw > 1 ? 1 : FN(pixels_together)(s->o, s->ow, s->j, s->sw);
    const int failed = p > 1 ? FN(narrow_conv2d)(s, p, x, w, b, y) : 1;
    return failed > 0 ? FN(plain_conv2d)(s, x, w, b, y) : failed;
}

static int FN(conv2d_dx)(const conv_shape *s, const void *dy, const void *w, void *dx)
{
    return !FN(bf16_for_dx)(s) && FN(overlap_pays)(s) ? FN(overlap_dx)(s, dy, w, dx) : FN(plain_dx)(s, dy, w, dx);
}

/* The filters' gradient is that of the spread filters, gathered; here nothing is multiplied by an added zero. */
static int FN(conv2d_dw)(const conv_shape *s, const void *x, const void *dy, void *dw)
{
    const int64_t p = s->groups > 1 || s->dw > 1 ? 1 : FN(pixels_together)(s->o, s->ow, s->j, s->sw);
    if (p == 1) return FN(plain_dw)(s, x, dy, dw);
    const conv_shape t = FN(together)(s, p);
    T *wide = malloc(t.i * t.j * t.c * t.o * sizeof(T)), *to = dw;
    if (!wide) return -1;
    const int failed = FN(plain_dw)(&t, x, dy, wide);
    for (int64_t i = 0; i < s->i && !failed; i++)
        for (int64_t row = 0; row < s->j * s->c; row++, to += s->o)
            for (int64_t k = 0; k < p; k++) {
                const T *from = wide + ((i * t.j + k * s->sw) * t.c + row) * t.o + k * s->o;
                for (int64_t o = 0; o < s->o; o++) to[o] = k ? to[o] + from[o] : from[o];
            }
    free(wide);
    return failed;
}

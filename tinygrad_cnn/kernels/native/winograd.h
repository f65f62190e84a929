/* Winograd's minimal filtering F(2x2, 3x3): a 2x2 square of output pixels from the 4x4 input pixels under it, with 16
 * products for each pair of channels instead of 36.  Forward, and the gradient for x with the filters turned round.
 *
 * With one axis:  y = A' [(G g) * (B' d)],  d four pixels, g three filter taps, y two outputs,
 *     B' = 1  0 -1  0     G = 1    0   0      A' = 1  1  1  0
 *          0  1  1  0         1/2  1/2 1/2         0  1 -1 -1
 *          0 -1  1  0         1/2 -1/2 1/2
 *          0  1  0 -1         0    0   1
 * and with two, the same along rows, then along columns.  A piece is a block of squares: all are transformed, then each
 * of the 16 places is a matrix product over channels (tile.h), then all are transformed back.
 *
 * An infinity, or numbers near the largest, would spoil pixels that a plain convolution leaves alone; it shows as a
 * result that is not finite, and then the work is done again without this trick. */

#define MOST_SQUARES ((int64_t)48) /* in a piece: what is multiplied stays in the second-level cache */
#define WIDE ((int64_t)64) /* output channels between two transforms back */
#define PLACES 16
#define GROUP ((PLACES + 1) * LANES) /* one vector of channels of a square: its places, and a gap against conflicts */
#define RESULTS (PLACES * WIDE + 16) /* from one square's products to the next's */
#define AHEAD 8 /* squares whose pixels are asked for before their turn */

typedef struct {
    const T *x, *w, *b;
    T *y;
    int64_t h, width, c, oh, ow, o; /* source and output */
    int64_t top, left;              /* source pixel of output pixel (0, 0) and tap (0, 0) */
    int64_t rows, cols, total, some; /* squares: in a column and a row of an image, in all, in a piece */
    int64_t ustep, groups;          /* filters from one place to the next; vectors of input channels */
    int64_t *xo, *yo;
    segment *seg;
    T *filters, *start, *zeros;
    int flip, relu, spoilt;
} FN(winograd);

INLINE void FN(to_places)(VEC *d, const int s)
{
    const VEC a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
    d[0] = a - c, d[s] = b + c, d[2 * s] = c - b, d[3 * s] = b - e;
}

INLINE void FN(from_places)(VEC *d, const int s)
{
    const VEC a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
    d[0] = a + b + c, d[s] = b - c - e;
}

INLINE void FN(filter_to_places)(VEC *d, const int s)
{
    const VEC a = d[0], b = d[s], c = d[2 * s], sum = (a + c) * (T)0.5, half = b * (T)0.5;
    d[s] = sum + half, d[2 * s] = sum - half, d[3 * s] = c;
}

/* Transform 16 rows of one block of output channels, and pack them as the product reads them. */
static void FN(winograd_pack)(const void *job, int64_t piece, char *scratch)
{
    enum { depth = 16 };
    const FN(winograd) *v = job;
    const int64_t padded = FN(padded)(v->o), blocks = ceil_div(padded, WIDEST * LANES), k0 = piece / blocks * depth;
    const int64_t count = least(depth, v->c - k0), first = piece % blocks * WIDEST * LANES;
    T *g = (T *)scratch;
    for (int64_t at = first, width; at < least(padded, first + WIDEST * LANES); at += width) {
        width = FN(tiles_for)(padded, at)->vectors * LANES;
        const int64_t lanes = least(width, v->o - at);
        for (int64_t tap = 0; tap < 9; tap++) {
            T *to = g + tap * depth * width;
            const T *from = v->w + (v->flip ? ((8 - tap) * v->o + at) * v->c + k0 : (tap * v->c + k0) * v->o + at);
            if (v->flip) FN(transpose)(from, v->c, count, lanes, width, to);
            else
                for (int64_t k = 0; k < count; k++) {
                    memcpy(to + k * width, from + k * v->o, lanes * sizeof(T));
                    memset(to + k * width + lanes, 0, (width - lanes) * sizeof(T));
                }
        }
        T *to = v->filters + at * v->c + k0 * width;
        for (int64_t i = 0; i < count * width; i += LANES) {
            VEC d[PLACES];
            UNROLL for (int t = 0; t < 9; t++) d[t / 3 * 4 + t % 3] = FN(load)(g + t * depth * width + i);
            UNROLL for (int j = 0; j < 3; j++) FN(filter_to_places)(d + j, 4);
            UNROLL for (int j = 0; j < 4; j++) FN(filter_to_places)(d + 4 * j, 1);
            UNROLL for (int j = 0; j < PLACES; j++) FN(store)(to + j * v->ustep + i, d[j]);
        }
    }
}

typedef struct {
    int64_t n, q, r; /* image, row and column of a square */
} FN(square);

static FN(square) FN(winograd_square)(const FN(winograd) * v, int64_t number)
{
    return (FN(square)){number / v->cols / v->rows, number / v->cols % v->rows, number % v->cols};
}

static FN(square) FN(winograd_next)(const FN(winograd) * v, FN(square) s)
{
    if (++s.r == v->cols) s.r = 0, s.q++;
    if (s.q == v->rows) s.q = 0, s.n++;
    return s;
}

/* The 16 pixels under a square; those outside the image are zeros. */
static void FN(winograd_pixels)(const FN(winograd) * v, FN(square) s, const T *p[PLACES])
{
    const int64_t top = v->top + 2 * s.q, left = v->left + 2 * s.r;
    UNROLL for (int64_t i = 0; i < 4; i++)
    {
        const int row_inside = top + i >= 0 && top + i < v->h;
        const T *row = v->x + (s.n * v->h + top + i) * v->width * v->c;
        UNROLL for (int64_t j = 0; j < 4; j++)
        {
            const int inside = row_inside && left + j >= 0 && left + j < v->width;
            p[4 * i + j] = inside ? row + (left + j) * v->c : v->zeros;
        }
    }
}

INLINE void FN(winograd_in)(const T *const p[PLACES], int64_t at, int64_t n, T *to)
{
    VEC d[PLACES];
    UNROLL for (int i = 0; i < PLACES; i++) d[i] = FN(load_some)(p[i] + at, n, p[i] + at + n);
    UNROLL for (int j = 0; j < 4; j++) FN(to_places)(d + j, 4);
    UNROLL for (int j = 0; j < 4; j++) FN(to_places)(d + 4 * j, 1);
    UNROLL for (int i = 0; i < PLACES; i++) FN(store)(to + i * LANES, d[i]);
}

/* Transform what lies under `count` squares: channels from c0 to c1, a whole number of vectors or up to the last. */
static void FN(winograd_take)(const FN(winograd) * v, int64_t first, int64_t count, int64_t c0, int64_t c1, T *x)
{
    const T *pixels[AHEAD][PLACES];
    FN(square) s = FN(winograd_square)(v, first);
    for (int64_t t = -AHEAD + 1; t < count; t++) {
        if (t + AHEAD - 1 < count) {
            const T **p = pixels[(t + AHEAD - 1) % AHEAD];
            FN(winograd_pixels)(v, s, p);
            s = FN(winograd_next)(v, s);
            for (int64_t at = c0; at < c1; at += 64 / sizeof(T)) /* its neighbours read the others before */
                __builtin_prefetch(p[10] + at), __builtin_prefetch(p[11] + at), __builtin_prefetch(p[14] + at),
                    __builtin_prefetch(p[15] + at);
        }
        if (t < 0) continue;
        const T *const *p = pixels[t % AHEAD];
        T *to = x + v->xo[t];
        int64_t at = c0;
        for (; at + LANES <= c1; at += LANES, to += GROUP) FN(winograd_in)(p, at, LANES, to);
        if (at < c1) FN(winograd_in)(p, at, c1 - at, to);
    }
}

/* Adds NaN to `finite` if a result is not finite. */
INLINE VEC FN(winograd_out)(const T *m, VEC bias, int relu, T *const y[4], int64_t at, int64_t n, VEC finite)
{
    VEC d[PLACES];
    UNROLL for (int i = 0; i < PLACES; i++) d[i] = FN(load)(m + i * WIDE);
    UNROLL for (int j = 0; j < 4; j++) FN(from_places)(d + j, 4);
    UNROLL for (int j = 0; j < 2; j++) FN(from_places)(d + 4 * j, 1);
    UNROLL for (int i = 0; i < 4; i++)
    {
        const VEC r = d[i / 2 * 4 + i % 2] += bias;
        FN(store_some)(y[i] + at, relu ? FN(relu_vec)(r) : r, n);
    }
    return finite + (d[0] + d[1] + (d[4] + d[5])) * (T)0;
}

static void FN(winograd_piece)(const void *job, int64_t piece, char *scratch)
{
    FN(winograd) *shared = (FN(winograd) *)job;
    const FN(winograd) own = *shared, *v = &own;
    const int64_t first = piece * v->some, count = least(v->some, v->total - first);
    const int64_t padded = FN(padded)(v->o);
    T *x = (T *)scratch, *m = x + v->some * v->groups * GROUP, *sink = m + v->some * RESULTS;
    FN(winograd_take)(v, first, count, 0, v->c, x);
    VEC finite = {0};
    for (int64_t from = 0; from < padded; from += WIDE) {
        const int64_t width = least(WIDE, padded - from);
        FN(product) f = {v->seg, v->groups, v->c, 1, width, NULL, v->start, 0, 0};
        for (int64_t i = 0; i < PLACES; i++) {
            f.w = v->filters + i * v->ustep + from * v->c;
            FN(sweep)(&f, 0, width, x + i * LANES, v->xo, m + i * WIDE, v->yo, count);
        }
        FN(square) s = FN(winograd_square)(v, first);
        for (int64_t t = 0; t < count; t++, s = FN(winograd_next)(v, s)) {
            T *y = v->y + ((s.n * v->oh + 2 * s.q) * v->ow + 2 * s.r) * v->o + from, *to[4];
            const int below = 2 * s.q + 1 < v->oh, right = 2 * s.r + 1 < v->ow;
            to[0] = y, to[1] = right ? y + v->o : sink;
            to[2] = below ? y + v->ow * v->o : sink, to[3] = below && right ? y + (v->ow + 1) * v->o : sink;
            const int64_t upto = least(width, v->o - from);
            int64_t at = 0;
            for (; at < upto; at += LANES) {
                T *soon = y + 8 * v->o + at; /* four squares on; a store that waits for its line holds up the others */
                __builtin_prefetch(soon, 1), __builtin_prefetch(soon + v->o, 1);
                __builtin_prefetch(soon + v->ow * v->o, 1), __builtin_prefetch(soon + (v->ow + 1) * v->o, 1);
                const VEC bias = FN(load)(v->start + padded + from + at);
                finite = FN(winograd_out)(m + v->yo[t] + at, bias, v->relu, to, at, upto - at, finite);
            }
        }
    }
    T sum = 0;
    for (int64_t i = 0; i < LANES; i++) sum += finite[i];
    if (sum != 0) __atomic_store_n(&shared->spoilt, 1, __ATOMIC_RELAXED);
}

/* 0 when done, 1 if plain convolution must do it, -1 without memory. */
static int FN(winograd_run)(FN(winograd) * v, int64_t images)
{
    v->rows = ceil_div(v->oh, 2), v->cols = ceil_div(v->ow, 2), v->total = images * v->rows * v->cols;
    v->some = least(MOST_SQUARES, ceil_div(v->total, 96) * 12); /* whole tiles, and eight pieces if there are enough */
    const int64_t padded = FN(padded)(v->o), line = 64 / sizeof(T); /* a gap against cache conflicts */
    v->ustep = v->c * padded + line, v->groups = ceil_div(v->c, LANES);
    const int64_t elements = PLACES * v->ustep + 2 * padded + v->groups * LANES;
    const int64_t slice = most(v->some * (v->groups * GROUP + RESULTS) + WIDE, 9 * 16 * WIDEST * LANES);
    lease l;
    if (pool_open(&l, elements * sizeof(T) + 2 * v->some * sizeof(int64_t) + v->groups * sizeof(segment),
                  slice * sizeof(T), (double)v->total * PLACES * v->c * v->o))
        return -1;
    v->filters = (T *)l.shared;
    v->start = memset(v->filters + PLACES * v->ustep, 0, (elements - PLACES * v->ustep) * sizeof(T));
    v->zeros = v->start + 2 * padded;
    if (v->b) memcpy(v->start + padded, v->b, v->o * sizeof(T));
    v->xo = (int64_t *)(v->filters + elements), v->yo = v->xo + v->some;
    v->seg = (segment *)(v->yo + v->some);
    for (int64_t t = 0; t < v->some; t++) v->xo[t] = t * v->groups * GROUP, v->yo[t] = t * RESULTS;
    for (int64_t g = 0; g < v->groups; g++) v->seg[g] = (segment){g * GROUP, least(LANES, v->c - g * LANES)};
    pool_run(&l, FN(winograd_pack), v, ceil_div(padded, WIDEST * LANES) * ceil_div(v->c, 16));
    pool_run(&l, FN(winograd_piece), v, ceil_div(v->total, v->some));
    pool_close(&l);
    return v->spoilt;
}

/* Is it possible, and was it measured to be quicker?  Few channels leave too few products for each number transformed,
 * few squares too few for each filter; a wide vector makes products cheaper, but not the way to memory. */
static int FN(winograd_pays)(const conv_shape *s, int64_t squares, int weights)
{
    const int possible = sizeof(T) == sizeof(float) && s->i == 3 && s->j == 3 && s->groups == 1 && s->sh == 1 &&
                         s->sw == 1 && s->dh == 1 && s->dw == 1;
    if (!possible || tg_winograd != WINOGRAD_FASTER) return possible && tg_winograd == WINOGRAD_POSSIBLE;
    if (squares < 32 || squares < s->c * s->o / 2048 || least(s->c, s->o) < 16) return 0;
    return LANES < 16 || s->c + s->o >= 48 || (weights && s->c % LANES == 0 && s->o % LANES == 0);
}

static int FN(winograd_conv2d)(const conv_shape *s, const T *x, const T *w, const T *b, T *y)
{
    if (!FN(winograd_pays)(s, s->n * ceil_div(s->oh, 2) * ceil_div(s->ow, 2), 0)) return 1;
    FN(winograd)
    v = {.x = x, .w = w, .b = b, .y = y, .h = s->h, .width = s->w, .c = s->c, .oh = s->oh, .ow = s->ow, .o = s->o};
    v.top = -s->ph, v.left = -s->pw, v.relu = s->relu;
    return FN(winograd_run)(&v, s->n);
}

static int FN(winograd_dx)(const conv_shape *s, const T *dy, const T *w, T *dx)
{
    if (!FN(winograd_pays)(s, s->n * ceil_div(s->h, 2) * ceil_div(s->w, 2), 0)) return 1;
    FN(winograd)
    v = {.x = dy, .w = w, .y = dx, .h = s->oh, .width = s->ow, .c = s->o, .oh = s->h, .ow = s->w, .o = s->c};
    v.top = s->ph - 2, v.left = s->pw - 2, v.flip = 1;
    return FN(winograd_run)(&v, s->n);
}

/* Winograd's minimal filtering F(2x2, 3x3) and F(4x4, 3x3): a square of output pixels from the larger square of input
 * pixels under it, with 16 products for each pair of channels instead of 36, or 36 instead of 144.  Forward, and the
 * gradient for x with the filters turned round.  Included once for each size; SIZE is the side of a square.
 *
 * The transforms (winograd_places.h) go along rows, then along columns.  A piece is a block of squares: all are
 * transformed, then each place is a matrix product over channels (tile.h), then all are transformed back.
 *
 * An infinity, or numbers near the largest, would spoil pixels that a plain convolution leaves alone; it shows as a
 * result that is not finite, and then the work is done again without this trick. */

#undef W
#define W(name) FN(PASTE(name##_, SIZE))
#define MOST_SQUARES ((int64_t)96 / SIZE) /* in a piece: what is multiplied stays in the second-level cache */
#define WIDE ((int64_t)64) /* output channels between two transforms back */
#define SIDE (SIZE + 2)    /* of the input pixels under a square */
#define PLACES (SIDE * SIDE)
#define OUTPUTS (SIZE * SIZE)
#define GAP (64 / (int64_t)sizeof(T)) /* between places, against cache conflicts */
#define RESULTS (PLACES * WIDE + 16) /* from one square's products to the next's */
#define AHEAD (16 / SIZE)            /* squares whose pixels are asked for before their turn */

typedef struct {
    const T *x, *w, *b;
    T *y;
    int64_t h, width, c, oh, ow, o; /* source and output */
    int64_t top, left;              /* source pixel of output pixel (0, 0) and tap (0, 0) */
    int64_t rows, cols, total, some; /* squares: in a column and a row of an image, in all, in a piece */
    int64_t ustep;                  /* filters from one place to the next */
    int64_t xstep, deep;            /* transformed pixels: from one place to the next, from one square to the next */
    int64_t *xo, *yo;
    T *filters, *start, *zeros;
    int flip, relu, spoilt;
} W(winograd);

typedef struct {
    int64_t n, q, r; /* image, row and column of a square */
} W(square);

static W(square) W(winograd_square)(const W(winograd) * v, int64_t number)
{
    return (W(square)){number / v->cols / v->rows, number / v->cols % v->rows, number % v->cols};
}

static W(square) W(winograd_next)(const W(winograd) * v, W(square) s)
{
    if (++s.r == v->cols) s.r = 0, s.q++;
    if (s.q == v->rows) s.q = 0, s.n++;
    return s;
}

/* Transform 16 rows of one block of output channels, and pack them as the product reads them. */
static void W(winograd_pack)(const void *job, int64_t piece, char *scratch)
{
    enum { depth = 16 };
    const W(winograd) *v = job;
    const int64_t padded = FN(padded)(v->o), blocks = ceil_div(padded, WIDEST * LANES), k0 = piece / blocks * depth;
    const int64_t count = least(depth, v->c - k0), first = piece % blocks * WIDEST * LANES;
    T *g = (T *)scratch;
    for (int64_t at = first, width; at < least(padded, first + WIDEST * LANES); at += width) {
        width = FN(tiles_for)(padded, at)->width;
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
            UNROLL for (int t = 0; t < 9; t++) d[t / 3 * SIDE + t % 3] = FN(load)(g + t * depth * width + i);
            UNROLL for (int j = 0; j < 3; j++) W(filter_to_places)(d + j, SIDE);
            UNROLL for (int j = 0; j < SIDE; j++) W(filter_to_places)(d + SIDE * j, 1);
            UNROLL for (int j = 0; j < PLACES; j++) FN(store)(to + j * v->ustep + i, d[j]);
        }
    }
}

/* The pixels under a square; those outside the image are zeros. */
static void W(winograd_pixels)(const W(winograd) * v, W(square) s, const T *p[PLACES])
{
    const int64_t top = v->top + SIZE * s.q, left = v->left + SIZE * s.r;
    const T *row = v->x + ((s.n * v->h + top) * v->width + left) * v->c;
    UNROLL for (int64_t i = 0; i < SIDE; i++, row += v->width * v->c)
    {
        const int inside = top + i >= 0 && top + i < v->h;
        UNROLL for (int64_t j = 0; j < SIDE; j++)
            p[i * SIDE + j] = inside && left + j >= 0 && left + j < v->width ? row + j * v->c : v->zeros;
    }
}

INLINE void W(winograd_in)(const T *const p[PLACES], int64_t at, int64_t n, T *to, int64_t step)
{
    VEC d[PLACES];
    UNROLL for (int j = 0; j < SIDE; j++)
    {
        UNROLL for (int i = j; i < PLACES; i += SIDE) d[i] = FN(load_some)(p[i] + at, n, p[i] + at + n);
        W(to_places)(d + j, SIDE);
    }
    UNROLL for (int i = 0; i < PLACES; i += SIDE)
    {
        W(to_places)(d + i, 1);
        UNROLL for (int j = i; j < i + SIDE; j++) FN(store)(to + j * step, d[j]);
    }
}

/* Transform what lies under `count` squares: channels from c0 to c1, a whole number of vectors or up to the last. */
static void W(winograd_take)(const W(winograd) * v, int64_t first, int64_t count, int64_t c0, int64_t c1, T *x)
{
    const T *pixels[AHEAD][PLACES];
    W(square) s = W(winograd_square)(v, first);
    for (int64_t t = -AHEAD + 1; t < count; t++) {
        if (t + AHEAD - 1 < count) {
            const T **p = pixels[(t + AHEAD - 1) % AHEAD];
            W(winograd_pixels)(v, s, p);
            s = W(winograd_next)(v, s);
            for (int64_t at = c0; at < c1; at += GAP)
                UNROLL for (int i = 0; i < OUTPUTS; i++) /* its neighbours read the others before */
                    __builtin_prefetch(p[(i / SIZE + 2) * SIDE + i % SIZE + 2] + at);
        }
        if (t < 0) continue;
        const T *const *p = pixels[t % AHEAD];
        T *to = x + v->xo[t];
        int64_t at = c0;
        for (; at + LANES <= c1; at += LANES, to += LANES) W(winograd_in)(p, at, LANES, to, v->xstep);
        if (at < c1) W(winograd_in)(p, at, c1 - at, to, v->xstep);
    }
}

/* Adds NaN to `finite` if a result is not finite. */
INLINE VEC W(winograd_out)(const T *m, VEC bias, int relu, T *const y[OUTPUTS], int64_t at, int64_t n, VEC finite)
{
    VEC d[PLACES], sum = {0};
    UNROLL for (int j = 0; j < SIDE; j++)
    {
        UNROLL for (int i = 0; i < SIDE; i++) d[i * SIDE + j] = FN(load)(m + (i * SIDE + j) * WIDE);
        W(from_places)(d + j, SIDE);
    }
    UNROLL for (int i = 0; i < SIZE; i++)
    {
        W(from_places)(d + SIDE * i, 1);
        UNROLL for (int j = 0; j < SIZE; j++)
        {
            const VEC r = d[i * SIDE + j] + bias;
            sum += r;
            FN(store_some)(y[i * SIZE + j] + at, relu ? FN(relu_vec)(r) : r, n);
        }
    }
    return finite + sum * (T)0;
}

static void W(winograd_piece)(const void *job, int64_t piece, char *scratch)
{
    W(winograd) *shared = (W(winograd) *)job;
    const W(winograd) own = *shared, *v = &own;
    const int64_t first = piece * v->some, count = least(v->some, v->total - first);
    const int64_t padded = FN(padded)(v->o), row = v->ow * v->o;
    const segment all = {0, v->c};
    T *x = (T *)scratch, *m = x + PLACES * v->xstep, *sink = m + v->some * RESULTS;
    W(winograd_take)(v, first, count, 0, v->c, x);
    VEC finite = {0};
    for (int64_t from = 0; from < padded; from += WIDE) {
        const int64_t width = least(WIDE, padded - from), upto = least(width, v->o - from);
        FN(product) f = {&all, 1, v->c, 1, width, NULL, v->start, 0, 0};
        for (int64_t i = 0; i < PLACES; i++) {
            f.w = v->filters + i * v->ustep + from * v->c;
            FN(sweep)(&f, 0, width, x + i * v->xstep, v->xo, m + i * WIDE, v->yo, count);
        }
        W(square) s = W(winograd_square)(v, first);
        for (int64_t t = 0; t < count; t++, s = W(winograd_next)(v, s)) {
            T *y = v->y + ((s.n * v->oh + SIZE * s.q) * v->ow + SIZE * s.r) * v->o + from, *to[OUTPUTS];
            UNROLL for (int i = 0; i < OUTPUTS; i++)
            {
                const int inside = SIZE * s.q + i / SIZE < v->oh && SIZE * s.r + i % SIZE < v->ow;
                to[i] = inside ? y + i / SIZE * row + i % SIZE * v->o : sink;
            }
            for (int64_t at = 0; at < upto; at += LANES) {
                UNROLL for (int i = 0; i < OUTPUTS; i++) /* a store that waits for its line holds up the others */
                    __builtin_prefetch(y + at + i / SIZE * row + (8 + i % SIZE) * v->o, 1);
                const VEC bias = FN(load)(v->start + padded + from + at);
                finite = W(winograd_out)(m + v->yo[t] + at, bias, v->relu, to, at, upto - at, finite);
            }
        }
    }
    T sum = 0;
    for (int64_t i = 0; i < LANES; i++) sum += finite[i];
    if (sum != 0) __atomic_store_n(&shared->spoilt, 1, __ATOMIC_RELAXED);
}

/* 0 when done, 1 if plain convolution must do it, -1 without memory. */
static int W(winograd_run)(W(winograd) * v, int64_t images)
{
    v->rows = ceil_div(v->oh, SIZE), v->cols = ceil_div(v->ow, SIZE), v->total = images * v->rows * v->cols;
    const int64_t eighth = ceil_div(v->total, 192 / SIZE) * 24 / SIZE; /* whole tiles, and eight pieces if enough */
    v->some = least(MOST_SQUARES, eighth);
    const int64_t padded = FN(padded)(v->o);
    v->ustep = v->c * padded + GAP, v->deep = FN(padded)(v->c), v->xstep = v->some * v->deep + GAP;
    const int64_t elements = PLACES * v->ustep + 2 * padded + v->deep;
    const int64_t slice = most(PLACES * v->xstep + v->some * RESULTS + WIDE, 9 * 16 * WIDEST * LANES);
    lease l;
    if (pool_open(&l, elements * sizeof(T) + 8 + 2 * v->some * sizeof(int64_t), slice * sizeof(T),
                  (double)v->total * PLACES * v->c * v->o))
        return -1;
    v->filters = (T *)l.shared;
    v->start = memset(v->filters + PLACES * v->ustep, 0, (2 * padded + v->deep) * sizeof(T));
    v->zeros = v->start + 2 * padded;
    if (v->b) memcpy(v->start + padded, v->b, v->o * sizeof(T));
    v->xo = (int64_t *)(((uintptr_t)(v->filters + elements) + 7) & ~(uintptr_t)7), v->yo = v->xo + v->some;
    for (int64_t t = 0; t < v->some; t++) v->xo[t] = t * v->deep, v->yo[t] = t * RESULTS;
    pool_run(&l, W(winograd_pack), v, ceil_div(padded, WIDEST * LANES) * ceil_div(v->c, 16));
    pool_run(&l, W(winograd_piece), v, ceil_div(v->total, v->some));
    pool_close(&l);
    return v->spoilt;
}

static int W(winograd_conv2d)(const conv_shape *s, const T *x, const T *w, const T *b, T *y)
{
    W(winograd)
    v = {.x = x, .w = w, .b = b, .y = y, .h = s->h, .width = s->w, .c = s->c, .oh = s->oh, .ow = s->ow, .o = s->o};
    v.top = -s->ph, v.left = -s->pw, v.relu = s->relu;
    return W(winograd_run)(&v, s->n);
}

static int W(winograd_dx)(const conv_shape *s, const T *dy, const T *w, T *dx)
{
    W(winograd)
    v = {.x = dy, .w = w, .y = dx, .h = s->oh, .width = s->ow, .c = s->o, .oh = s->h, .ow = s->w, .o = s->c};
    v.top = s->ph - 2, v.left = s->pw - 2, v.flip = 1;
    return W(winograd_run)(&v, s->n);
}

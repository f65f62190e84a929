/* The gradient for 3x3 filters by minimal filtering F(3x3, 2x2): the 4x4 input pixels under a 2x2 square of dy, and
 * these four, give the square's nine terms with 16 products instead of 36.  At each of the 16 places these are one
 * matrix product over all squares; only its sum is transformed back.  With one axis, d four pixels and g two of dy:
 *     dw = A' [(G g) * (B' d)],   G = 1  0     A' = 1 1/2  1/2  0
 *                                     1  1          0 1/2 -1/2  0
 *                                     1 -1          0 1/2  1/2 -1
 *                                     0  1 */

typedef struct {
    FN(winograd) v;
    const T *dy;
    T *dw, *partial;
    int64_t cblocks, oblocks, chunks;
    int64_t *rows, *sums; /* where an input channel's row of the product is: what is multiplied, its sums */
} FN(winograd_weights);

typedef struct {
    int64_t c0, c1, o0, width, o1;
    T *sums;
} FN(winograd_block);

static FN(winograd_block) FN(winograd_locate)(const FN(winograd_weights) * k, int64_t block, int64_t chunk)
{
    FN(winograd_block) b = {block % k->cblocks * WIDE, 0, block / k->cblocks * WIDE, 0, 0, NULL};
    b.c1 = least(k->v.c, b.c0 + WIDE), b.o1 = least(k->v.o, b.o0 + WIDE), b.width = FN(padded)(b.o1 - b.o0);
    b.sums = k->partial + (chunk * k->cblocks * k->oblocks + block) * PLACES * WIDE * WIDE;
    return b;
}

INLINE void FN(gradient_to_places)(VEC *d, const int s)
{
    const VEC a = d[0], b = d[s];
    d[s] = a + b, d[2 * s] = a - b, d[3 * s] = b;
}

INLINE void FN(filter_from_places)(VEC *d, const int s)
{
    const VEC half = (d[s] + d[2 * s]) * (T)0.5, a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
    d[0] = a + half, d[s] = (b - c) * (T)0.5, d[2 * s] = half - e;
}

static void FN(winograd_take_dy)(const FN(winograd_weights) * k, int64_t first, int64_t count,
                                 const FN(winograd_block) * b, T *to)
{
    const FN(winograd) *v = &k->v;
    FN(square) s = FN(winograd_square)(v, first);
    for (int64_t t = 0; t < count; t++, to += RESULTS, s = FN(winograd_next)(v, s)) {
        const int below = 2 * s.q + 1 < v->oh, right = 2 * s.r + 1 < v->ow;
        const T *g = k->dy + ((s.n * v->oh + 2 * s.q) * v->ow + 2 * s.r) * v->o, *p[4];
        p[0] = g, p[1] = right ? g + v->o : v->zeros;
        p[2] = below ? g + v->ow * v->o : v->zeros, p[3] = below && right ? g + (v->ow + 1) * v->o : v->zeros;
        for (int64_t at = b->o0; at < b->o1; at += LANES) {
            VEC d[PLACES];
            UNROLL for (int i = 0; i < 4; i++)
            {
                d[i / 2 * 4 + i % 2] = FN(load_some)(p[i] + at, b->o1 - at, p[i] + b->o1);
                __builtin_prefetch(p[i] + at + 8 * v->o);
            }
            UNROLL for (int j = 0; j < 2; j++) FN(gradient_to_places)(d + j, 4);
            UNROLL for (int j = 0; j < 4; j++) FN(gradient_to_places)(d + 4 * j, 1);
            UNROLL for (int i = 0; i < PLACES; i++) FN(store)(to + i * WIDE + at - b->o0, d[i]);
        }
    }
}

static void FN(winograd_weight_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(winograd_weights) *k = job;
    const FN(winograd) *v = &k->v;
    const int64_t blocks = k->cblocks * k->oblocks, chunk = piece / blocks;
    const FN(winograd_block) b = FN(winograd_locate)(k, piece % blocks, chunk);
    const int64_t first = chunk * v->total / k->chunks, last = (chunk + 1) * v->total / k->chunks;
    T *x = (T *)scratch, *dy = x + v->some * v->groups * GROUP;
    for (int64_t at = first; at < last; at += v->some) {
        const int64_t count = least(v->some, last - at);
        const segment all = {0, count};
        FN(winograd_take)(v, at, count, b.c0, b.c1, x);
        FN(winograd_take_dy)(k, at, count, &b, dy);
        for (int64_t i = 0; i < PLACES; i++) {
            const int flags = at > first ? FN(RESUME) : 0;
            FN(product) m = {&all, 1, count, v->groups * GROUP, b.width, dy + i * WIDE, v->zeros, flags, RESULTS};
            FN(sweep)(&m, 0, b.width, x + i * LANES, k->rows, b.sums + i * WIDE * WIDE, k->sums, b.c1 - b.c0);
        }
    }
}

/* Add the chunks' sums of one block, eight input channels of it, and transform them back. */
static void FN(winograd_weight_sum)(const void *job, int64_t piece, char *scratch)
{
    FN(winograd_weights) *k = (FN(winograd_weights) *)job;
    (void)scratch;
    const FN(winograd) *v = &k->v;
    const int64_t blocks = k->cblocks * k->oblocks, next = blocks * PLACES * WIDE * WIDE;
    const FN(winograd_block) b = FN(winograd_locate)(k, piece % blocks, 0);
    const int64_t from = b.c0 + piece / blocks * 8;
    VEC finite = {0};
    for (int64_t c = from; c < least(b.c1, from + 8); c++)
        for (int64_t at = b.o0; at < b.o1; at += LANES) {
            const T *m = b.sums + (c - b.c0) * WIDE + at - b.o0;
            VEC d[PLACES];
            UNROLL for (int i = 0; i < PLACES; i++) d[i] = FN(load)(m + i * WIDE * WIDE);
            for (int64_t chunk = 1; chunk < k->chunks; chunk++)
                UNROLL for (int i = 0; i < PLACES; i++) d[i] += FN(load)(m + chunk * next + i * WIDE * WIDE);
            UNROLL for (int j = 0; j < 4; j++) FN(filter_from_places)(d + j, 4);
            UNROLL for (int j = 0; j < 3; j++) FN(filter_from_places)(d + 4 * j, 1);
            UNROLL for (int tap = 0; tap < 9; tap++)
            {
                finite += d[tap / 3 * 4 + tap % 3] * (T)0;
                FN(store_some)(k->dw + (tap * v->c + c) * v->o + at, d[tap / 3 * 4 + tap % 3], b.o1 - at);
            }
        }
    T sum = 0;
    for (int64_t i = 0; i < LANES; i++) sum += finite[i];
    if (sum != 0) __atomic_store_n(&k->v.spoilt, 1, __ATOMIC_RELAXED);
}

/* 0 when done, 1 if the plain gradient must do it, -1 without memory. */
static int FN(winograd_dw)(const conv_shape *s, const T *x, const T *dy, T *dw)
{
    FN(winograd_weights)
    k = {.v = {.x = x, .h = s->h, .width = s->w, .c = s->c, .oh = s->oh, .ow = s->ow, .o = s->o}, .dy = dy, .dw = dw};
    FN(winograd) *v = &k.v;
    v->rows = ceil_div(s->oh, 2), v->cols = ceil_div(s->ow, 2), v->total = s->n * v->rows * v->cols;
    if (!FN(winograd_pays)(s, v->total, 1)) return 1;
    v->top = -s->ph, v->left = -s->pw, v->some = MOST_SQUARES, v->groups = ceil_div(least(WIDE, v->c), LANES);
    k.cblocks = ceil_div(v->c, WIDE), k.oblocks = ceil_div(v->o, WIDE);
    const int64_t blocks = k.cblocks * k.oblocks;
    k.chunks = most(1, least(ceil_div(16, blocks), ceil_div(v->total, 2 * v->some)));
    const int64_t sums = k.chunks * blocks * PLACES * WIDE * WIDE, zeros = most(v->c, v->o) + WIDE;
    lease l;
    if (pool_open(&l, (sums + zeros) * sizeof(T) + 8 + (v->some + 2 * WIDE) * sizeof(int64_t),
                  v->some * (v->groups * GROUP + RESULTS) * sizeof(T), (double)v->total * PLACES * v->c * v->o))
        return -1;
    k.partial = (T *)l.shared, v->zeros = memset(k.partial + sums, 0, zeros * sizeof(T));
    v->xo = (int64_t *)(((uintptr_t)(v->zeros + zeros) + 7) & ~(uintptr_t)7);
    k.rows = v->xo + v->some, k.sums = k.rows + WIDE;
    for (int64_t t = 0; t < v->some; t++) v->xo[t] = t * v->groups * GROUP;
    for (int64_t c = 0; c < WIDE; c++) k.rows[c] = c / LANES * GROUP + c % LANES, k.sums[c] = c * WIDE;
    pool_run(&l, FN(winograd_weight_piece), &k, blocks * k.chunks);
    pool_run(&l, FN(winograd_weight_sum), &k, blocks * WIDE / 8);
    pool_close(&l);
    return v->spoilt;
}

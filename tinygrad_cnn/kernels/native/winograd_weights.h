/* The gradient for 3x3 filters by minimal filtering F(3x3, 2x2) and F(3x3, 4x4): the input pixels under a square of dy,
 * and dy there, give the square's nine terms with one product a place (winograd_places.h).  At each place these are one
 * matrix product over all squares; only its sum is transformed back.  Included once for each size, as winograd.h. */

typedef struct {
    W(winograd) v;
    const T *dy;
    T *dw, *partial;
    int64_t cblocks, oblocks, chunks;
    int64_t wide, ystep, tall, sstep; /* dy's blocks, from one place to the next; a block's sums */
    int64_t *rows, *sums; /* where an input channel's row of the product is: what is multiplied, its sums */
} W(winograd_weights);

typedef struct {
    int64_t c0, c1, o0, width, o1;
    T *sums;
} W(winograd_block);

static W(winograd_block) W(winograd_locate)(const W(winograd_weights) * k, int64_t block, int64_t chunk)
{
    W(winograd_block) b = {block % k->cblocks * WIDE, 0, block / k->cblocks * WIDE, 0, 0, NULL};
    b.c1 = least(k->v.c, b.c0 + WIDE), b.o1 = least(k->v.o, b.o0 + WIDE), b.width = FN(padded)(b.o1 - b.o0);
    b.sums = k->partial + (chunk * k->cblocks * k->oblocks + block) * PLACES * k->sstep;
    return b;
}

static void W(winograd_take_dy)(const W(winograd_weights) * k, int64_t first, int64_t count,
                                const W(winograd_block) * b, T *to)
{
    const W(winograd) *v = &k->v;
    W(square) s = W(winograd_square)(v, first);
    for (int64_t t = 0; t < count; t++, to += k->wide, s = W(winograd_next)(v, s)) {
        const T *g = k->dy + ((s.n * v->oh + SIZE * s.q) * v->ow + SIZE * s.r) * v->o + b->o0, *p[OUTPUTS];
        UNROLL for (int i = 0; i < OUTPUTS; i++)
        {
            const int inside = SIZE * s.q + i / SIZE < v->oh && SIZE * s.r + i % SIZE < v->ow;
            p[i] = inside ? g + (i / SIZE * v->ow + i % SIZE) * v->o : v->zeros;
        }
        for (int64_t at = 0; at < b->o1 - b->o0; at += LANES) {
            VEC d[PLACES];
            UNROLL for (int j = 0; j < SIZE; j++)
            {
                UNROLL for (int i = 0; i < SIZE; i++)
                {
                    const T *from = p[i * SIZE + j];
                    d[i * SIDE + j] = FN(load_some)(from + at, b->o1 - b->o0 - at, from + b->o1 - b->o0);
                    __builtin_prefetch(from + at + 8 * v->o);
                }
                W(gradient_to_places)(d + j, SIDE);
            }
            UNROLL for (int i = 0; i < SIDE; i++)
            {
                W(gradient_to_places)(d + SIDE * i, 1);
                UNROLL for (int j = 0; j < SIDE; j++) FN(store)(to + (i * SIDE + j) * k->ystep + at, d[i * SIDE + j]);
            }
        }
    }
}

static void W(winograd_weight_piece)(const void *job, int64_t piece, char *scratch)
{
    const W(winograd_weights) *k = job;
    const W(winograd) *v = &k->v;
    const int64_t blocks = k->cblocks * k->oblocks, chunk = piece / blocks;
    const W(winograd_block) b = W(winograd_locate)(k, piece % blocks, chunk);
    const int64_t first = chunk * v->total / k->chunks, last = (chunk + 1) * v->total / k->chunks;
    T *x = (T *)scratch, *dy = x + PLACES * v->xstep;
    const int64_t parts = ceil_div(last - first, v->some);
    for (int64_t part = 0, at = first, count; part < parts; part++, at += count) {
        count = ceil_div(last - at, parts - part);
        const segment all = {0, count};
        W(winograd_take)(v, at, count, b.c0, b.c1, x);
        W(winograd_take_dy)(k, at, count, &b, dy);
        for (int64_t i = 0; i < PLACES; i++) {
            const int flags = at > first ? FN(RESUME) : 0;
            FN(product) m = {&all, 1, count, v->deep, b.width, dy + i * k->ystep, v->zeros, flags, k->wide};
            FN(sweep)(&m, 0, b.width, x + i * v->xstep, k->rows, b.sums + i * k->sstep, k->sums, b.c1 - b.c0);
        }
    }
}

/* Add the chunks' sums of one block, eight input channels of it, and transform them back. */
static void W(winograd_weight_sum)(const void *job, int64_t piece, char *scratch)
{
    W(winograd_weights) *k = (W(winograd_weights) *)job;
    (void)scratch;
    const W(winograd) *v = &k->v;
    const int64_t blocks = k->cblocks * k->oblocks, step = k->sstep, next = blocks * PLACES * step;
    const W(winograd_block) b = W(winograd_locate)(k, piece % blocks, 0);
    const int64_t from = b.c0 + piece / blocks * 8;
    VEC finite = {0};
    for (int64_t c = from; c < least(b.c1, from + 8); c++)
        for (int64_t at = b.o0; at < b.o1; at += LANES) {
            const T *m = b.sums + (c - b.c0) * k->wide + at - b.o0;
            VEC d[PLACES];
            UNROLL for (int i = 0; i < PLACES; i++) d[i] = FN(load)(m + i * step);
            for (int64_t chunk = 1; chunk < k->chunks; chunk++)
                UNROLL for (int i = 0; i < PLACES; i++) d[i] += FN(load)(m + chunk * next + i * step);
            UNROLL for (int j = 0; j < SIDE; j++) W(filter_from_places)(d + j, SIDE);
            UNROLL for (int j = 0; j < 3; j++) W(filter_from_places)(d + SIDE * j, 1);
            UNROLL for (int tap = 0; tap < 9; tap++)
            {
                const VEC r = d[tap / 3 * SIDE + tap % 3];
                finite += r * (T)0;
                FN(store_some)(k->dw + (tap * v->c + c) * v->o + at, r, b.o1 - at);
            }
        }
    T sum = 0;
    for (int64_t i = 0; i < LANES; i++) sum += finite[i];
    if (sum != 0) __atomic_store_n(&k->v.spoilt, 1, __ATOMIC_RELAXED);
}

/* 0 when done, 1 if the plain gradient must do it, -1 without memory. */
static int W(winograd_dw)(const conv_shape *s, const T *x, const T *dy, T *dw)
{
    W(winograd_weights)
    k = {.v = {.x = x, .h = s->h, .width = s->w, .c = s->c, .oh = s->oh, .ow = s->ow, .o = s->o}, .dy = dy, .dw = dw};
    W(winograd) *v = &k.v;
    v->rows = ceil_div(s->oh, SIZE), v->cols = ceil_div(s->ow, SIZE), v->total = s->n * v->rows * v->cols;
    v->top = -s->ph, v->left = -s->pw, v->some = 72;
    k.tall = least(WIDE, v->c), k.wide = FN(padded)(least(WIDE, v->o));
    v->deep = FN(padded)(k.tall), v->xstep = v->some * v->deep + GAP;
    k.ystep = v->some * k.wide + GAP, k.sstep = k.tall * k.wide + GAP;
    k.cblocks = ceil_div(v->c, WIDE), k.oblocks = ceil_div(v->o, WIDE);
    const int64_t blocks = k.cblocks * k.oblocks;
    k.chunks = most(1, least(ceil_div(16, blocks), ceil_div(v->total, 2 * v->some)));
    const int64_t sums = k.chunks * blocks * PLACES * k.sstep, zeros = most(v->c, v->o) + WIDE;
    lease l;
    if (pool_open(&l, (sums + zeros) * sizeof(T) + 8 + (v->some + 2 * WIDE) * sizeof(int64_t),
                  PLACES * (v->xstep + k.ystep) * sizeof(T), (double)v->total * PLACES * v->c * v->o))
        return -1;
    k.partial = (T *)l.shared, v->zeros = memset(k.partial + sums, 0, zeros * sizeof(T));
    v->xo = (int64_t *)(((uintptr_t)(v->zeros + zeros) + 7) & ~(uintptr_t)7);
    k.rows = v->xo + v->some, k.sums = k.rows + WIDE;
    for (int64_t t = 0; t < v->some; t++) v->xo[t] = t * v->deep;
    for (int64_t c = 0; c < WIDE; c++) k.rows[c] = c, k.sums[c] = c * k.wide;
    pool_run(&l, W(winograd_weight_piece), &k, blocks * k.chunks);
    pool_run(&l, W(winograd_weight_sum), &k, blocks * WIDE / 8);
    pool_close(&l);
    return v->spoilt;
}

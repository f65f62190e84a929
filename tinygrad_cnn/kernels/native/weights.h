/* The gradient for w.
 * dw[i,j,c,o] = sum over pixels of x * dy: a product whose rows are (i,j,c) and whose steps are pixels.  The batch is
 * cut into a fixed number of chunks, each with its own partial sum; these are added in order. */

typedef struct {
    const walk *k;
    const T *x, *dy;
    T *dw, *partial;
    int64_t o, og, cg, groups;
    int64_t chunks, cblocks, oblocks; /* how the work is cut, besides groups */
    int64_t *xo, *yo;
    const T *zeros;
} FN(weight_job);

typedef struct {
    int64_t g, chunk, c0, channels, at, width, lanes;
    T *partial;
} FN(weight_part);

static FN(weight_part) FN(weight_locate)(const FN(weight_job) * v, int64_t piece)
{
    FN(weight_part) t;
    const int64_t cb = piece % v->cblocks, padded = FN(padded)(v->og), rows = walk_rows(v->k);
    int64_t ob = piece / v->cblocks % v->oblocks;
    t.chunk = piece / v->cblocks / v->oblocks % v->chunks;
    t.g = piece / v->cblocks / v->oblocks / v->chunks;
    t.c0 = cb * v->k->len, t.channels = least(v->k->len, v->cg - t.c0);
    for (t.at = 0; t.width = FN(tiles_for)(v->og, t.at)->width, ob; ob--) t.at += t.width;
    t.lanes = least(t.width, v->og - t.at);
    t.partial = v->partial + ((t.g * v->chunks + t.chunk) * v->cblocks + cb) * rows * padded + rows * t.at;
    return t;
}

/* dy under a piece, one block of lanes wide. */
static void FN(fill_dy)(const FN(weight_job) * v, const FN(weight_part) * t, const piece_box *p, T *to)
{
    const walk *k = v->k;
    for (int64_t n = 0; n < p->n; n++)
        for (int64_t q = 0; q < p->q; q++) {
            const T *s = v->dy + (((p->n0 + n) * k->oh + p->q0 + q) * k->ow + p->r0) * v->o + t->g * v->og + t->at;
            for (int64_t r = 0; r < p->r; r++, s += v->o, to += t->width) {
                if (t->lanes < t->width)
                    for (int64_t i = 0; i < t->width; i += LANES) FN(store)(to + i, (VEC){0});
                FN(copy_lanes)(to, s, t->lanes);
            }
        }
}

static void FN(weight_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(weight_job) *v = job;
    const walk *k = v->k;
    const FN(weight_part) t = FN(weight_locate)(v, piece);
    T *dy = (T *)scratch, *x = dy + walk_pixels(k) * WIDEST * LANES;
    segment *seg = (segment *)(((uintptr_t)(x + walk_scratch(k)) + 63) & ~(uintptr_t)63);
    int64_t *xo = (int64_t *)(seg + k->bn * k->br), *yo = xo + walk_rows(k), rows = 0;
    for (int64_t a = 0; a < k->ni; a++)
        for (int64_t b = 0; b < k->nj; b++)
            for (int64_t c = 0; c < t.channels; c++, rows++)
                xo[rows] = (k->hs[a] - k->hs[0]) * k->row + (k->ws[b] - k->ws[0]) * k->pix + c,
                yo[rows] = rows * t.width;
    const int64_t first = t.chunk * k->pieces / v->chunks, last = (t.chunk + 1) * k->pieces / v->chunks;
    for (int64_t at = first; at < last; at++) {
        const piece_box p = walk_piece(k, at);
        int64_t nseg = 0;
        const T *pixels = x;
        if (k->copy) FN(fill)(k, v->x, t.g * v->cg + t.c0, most(t.channels, k->held), &p, x);
        else pixels = v->x + FN(origin)(k, &p) + t.g * v->cg + t.c0;
        for (int64_t n = 0; n < p.n; n++)
            for (int64_t q = 0; q < p.q; q++) seg[nseg++] = (segment){n * k->img + q * k->sh * k->row, p.r};
        for (int64_t g = 0; g < (k->held ? v->groups : 1); g++) {
            const FN(weight_part) u = FN(weight_locate)(v, piece + g * v->chunks);
            const int in_place = u.lanes == u.width && v->o == u.width; /* a piece's pixels follow each other */
            if (!in_place) FN(fill_dy)(v, &u, &p, dy);
            const T *from = v->dy + ((p.n0 * k->oh + p.q0) * k->ow + p.r0) * v->o;
            FN(product)
            m = {seg, nseg, p.n * p.q * p.r, k->sw * k->pix, u.width, in_place ? from : dy, v->zeros,
                 at > first ? FN(RESUME) : 0, in_place ? v->o : 0, 0};
            FN(sweep)(&m, 0, u.width, pixels + g * v->cg, xo, u.partial, yo, rows);
        }
    }
}

/* Add the chunks' sums; a piece is what one (block of lanes, block of channels) of a group holds. */
static void FN(weight_sum)(const void *job, int64_t piece, char *scratch)
{
    const FN(weight_job) *v = job;
    (void)scratch;
    const walk *k = v->k;
    const int64_t blocks = v->cblocks * v->oblocks, taps = k->ni * k->nj;
    const FN(weight_part) t = FN(weight_locate)(v, piece / blocks * blocks * v->chunks + piece % blocks);
    const int64_t chunk = v->cblocks * walk_rows(k) * FN(padded)(v->og);
    for (int64_t tap = 0, row = 0; tap < taps; tap++)
        for (int64_t c = 0; c < t.channels; c++, row++) {
            T *p = t.partial + row * t.width;
            for (int64_t i = 1; i < v->chunks; i++)
                for (int64_t l = 0; l < t.width; l += LANES / 2) *(HALF *)(p + l) += *(const HALF *)(p + i * chunk + l);
            FN(copy_lanes)(v->dw + (tap * v->cg + t.c0 + c) * v->o + t.g * v->og + t.at, p, t.lanes);
        }
}

static int FN(plain_dw)(const conv_shape *s, const void *x, const void *dy, void *dw)
{
    if (FN(one_each)(s)) return FN(depthwise_dw)(s, x, dy, dw);
    if (FN(one_row)(s)) return FN(row_gradient)(s, FN(row_dw_piece), x, dy, NULL, dw);
#if HAS_BF16
    const bf16_tiles *tiles = FN(bf16_for_dw)(s);
    if (tiles) return bf16_dw(tiles, s, x, dy, dw);
#endif
    const int other = FN(minimal_dw)(s, x, dy, dw);
    if (other <= 0) return other;
    int64_t *hs = FN(taps)(s), *ws = hs + s->i;
    if (!hs) return -1;
    for (int64_t i = 0; i < s->i; i++) hs[i] = i * s->dh - s->ph;
    for (int64_t j = 0; j < s->j; j++) ws[j] = j * s->dw - s->pw;
    FN(weight_job)
    v = {.x = x, .dy = dy, .dw = dw, .o = s->o, .og = s->o / s->groups, .cg = s->c / s->groups, .groups = s->groups};
    int64_t len;
    cut(v.cg, most(16, 576 / (s->i * s->j)), &len, &v.cblocks);
    walk k = {s->n, s->h, s->w, s->c, s->oh, s->ow, s->sh, s->sw, s->i, s->j, hs, ws, len};
    if (FN(few_each)(s, v.cg, v.og)) {
        FN(grouped) few = {.src = x, .dy = dy, .dw = dw};
        k.len = v.cg;
        const int done = FN(group_dw)(&few, s, &k);
        free(hs);
        return done;
    }
    const int64_t total = s->n * s->oh * s->ow, padded = FN(padded)(v.og);
    walk_plan(&k, most(32, least(256, total / 8)), v.cblocks > 1);
    v.k = &k;
    for (int64_t at = 0; at < v.og; v.oblocks++) at += FN(tiles_for)(v.og, at)->width;
    if (v.groups > 1 && v.cblocks == 1 && v.oblocks == 1 && k.pieces >= 16) { /* one copy for all groups, as forward */
        k.held = k.c;
        walk_plan(&k, most(32, least(256, total / 8)), v.cblocks > 1);
    }
    const int64_t blocks = v.groups * v.cblocks * v.oblocks, rows = walk_rows(&k), pixels = walk_pixels(&k);
    const int64_t apart = k.held ? 1 : blocks;
    const size_t sums = v.groups * v.cblocks * rows * padded * sizeof(T);
    v.chunks = most(1, least(least(ceil_div(16, apart), k.pieces), ((int64_t)32 << 20) / (int64_t)sums));
    const size_t zeros = WIDEST * VEC_BYTES;
    const size_t slice = (pixels * WIDEST * LANES + walk_scratch(&k)) * sizeof(T) + 64 + k.bn * k.br * sizeof(segment) +
                         2 * rows * sizeof(int64_t);
    lease l;
    int failed = pool_open(&l, sums * v.chunks + zeros, slice, (double)total * rows * v.og * blocks);
    if (!failed) {
        v.partial = (T *)l.shared, v.zeros = memset(l.shared + sums * v.chunks, 0, zeros);
        pool_run(&l, FN(weight_piece), &v, apart * v.chunks);
        pool_run(&l, FN(weight_sum), &v, blocks);
        pool_close(&l);
    }
    free(hs);
    return failed;
}

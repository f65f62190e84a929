/* The gradient for w by products of bf16 numbers: a product whose steps are pixels.  Of the two panels of a piece, what
 * the taps read and dy, the one with fewer numbers is transposed and becomes the left operand; so sums are those of dw
 * or of its transpose.  As in weights.h the batch is cut into chunks with sums of their own, which are added in order. */

typedef struct {
    const bf16_tiles *tiles;
    const walk *k;
    const float *x, *dy;
    float *dw, *sums;
    int64_t o, og, cg, groups;
    int64_t chunks, cblocks, oblocks, olen; /* how the work is cut, besides groups */
    int64_t width, lanes, pixels; /* rows of w and output channels of a block, pixels of a piece; rounded up */
    int is_panel, turned;                   /* turned: sums are (lanes, width), else (width, lanes) */
} bf16_weight_job;

typedef struct {
    int64_t g, chunk, c0, channels, o0, outs;
    float *sums;
} bf16_weight_part;

static bf16_weight_part bf16_weight_locate(const bf16_weight_job *v, int64_t piece)
{
    bf16_weight_part t;
    const int64_t blocks = v->cblocks * v->oblocks, block = piece % blocks;
    t.chunk = piece / blocks % v->chunks, t.g = piece / blocks / v->chunks;
    t.c0 = block % v->cblocks * v->k->len, t.channels = least(v->k->len, v->cg - t.c0);
    t.o0 = block / v->cblocks * v->olen, t.outs = least(v->olen, v->og - t.o0);
    t.sums = v->sums + piece * v->width * v->lanes;
    return t;
}

/* dy under a piece: a panel of its pixels. */
static void bf16_fill_dy(const bf16_weight_job *v, const bf16_weight_part *t, const piece_box *p, uint16_t *to)
{
    const walk *k = v->k;
    for (int64_t n = 0; n < p->n; n++)
        for (int64_t q = 0; q < p->q; q++) {
            const float *s = v->dy + (((p->n0 + n) * k->oh + p->q0 + q) * k->ow + p->r0) * v->o + t->g * v->og + t->o0;
            for (int64_t r = 0; r < p->r; r++, s += v->o, to += v->lanes) {
                bf16_round(s, t->outs, to);
                memset(to + t->outs, 0, (v->lanes - t->outs) * sizeof *to);
            }
        }
}

static void bf16_weight_piece(const void *job, int64_t piece, char *scratch)
{
    const bf16_weight_job own = *(const bf16_weight_job *)job, *v = &own;
    const walk *k = v->k;
    const bf16_weight_part t = bf16_weight_locate(v, piece);
    const int64_t pixels = v->pixels, xs = pixels * v->width, gs = pixels * v->lanes;
    const int64_t rows = v->turned ? v->lanes : v->width, columns = v->turned ? v->width : v->lanes;
    uint16_t *x = (uint16_t *)scratch, *dy = x + xs, *x_pairs = dy + gs, *dy_pairs = x_pairs + xs;
    uint16_t *left = dy_pairs + gs, *copy = v->is_panel ? x : left + pixels * rows;
    const uint16_t *end = left + pixels * rows + (v->is_panel ? 0 : walk_scratch(k));
    segment *seg = (segment *)(((uintptr_t)end + 63) & ~(uintptr_t)63);
    int64_t *offsets = (int64_t *)(seg + tap_segments(k, INT64_MAX, NULL));
    const int64_t nseg = tap_segments(k, INT64_MAX, seg);
    pixel_offsets(k, k->img, k->sh * k->row, k->sw * k->pix, offsets);
    const int64_t first = t.chunk * k->pieces / v->chunks, last = (t.chunk + 1) * k->pieces / v->chunks;
    v->tiles->begin();
    for (int64_t at = first; at < last; at++) {
        const piece_box p = walk_piece(k, at);
        const int64_t found = p.n * p.q * p.r, steps = ceil_div(found, BF16_STEP), padded = steps * BF16_STEP;
        bf16_fill(k, v->x, t.g * v->cg + t.c0, t.channels, &p, copy);
        if (!v->is_panel) bf16_gather(copy, offsets, found, seg, nseg, v->width, x);
        bf16_fill_dy(v, &t, &p, dy);
        memset(x + found * v->width, 0, (padded - found) * v->width * sizeof *x);
        memset(dy + found * v->lanes, 0, (padded - found) * v->lanes * sizeof *dy);
        bf16_pairs(x, v->width, padded, v->width / BF16_COLUMNS, (bf16_pair *)x_pairs);
        bf16_pairs(dy, v->lanes, padded, v->lanes / BF16_COLUMNS, (bf16_pair *)dy_pairs);
        const uint16_t *small = v->turned ? dy_pairs : x_pairs, *large = v->turned ? x_pairs : dy_pairs;
        for (int64_t r = 0; r < rows; r += BF16_COLUMNS)
            bf16_turn((const bf16_pair *)(small + r * padded), BF16_COLUMNS, padded / 2, BF16_COLUMNS,
                      (bf16_pair *)(left + r * padded), padded / 2);
        for (int64_t c = 0; c < columns; c += 2 * BF16_COLUMNS)
            for (int64_t r = 0; r < rows; r += BF16_ROWS)
                v->tiles->multiply(left + r * padded, padded, large + c * padded, steps, 2, t.sums + r * columns + c,
                                   columns, at > first);
    }
    v->tiles->end();
}

/* Add the chunks' sums; a piece is what one (block of outputs, block of channels) of a group holds. */
static void bf16_weight_sum(const void *job, int64_t piece, char *scratch)
{
    const bf16_weight_job *v = job;
    (void)scratch;
    const walk *k = v->k;
    const int64_t blocks = v->cblocks * v->oblocks, size = v->width * v->lanes;
    const bf16_weight_part t = bf16_weight_locate(v, piece / blocks * blocks * v->chunks + piece % blocks);
    for (int64_t i = 1; i < v->chunks; i++)
        for (int64_t l = 0; l < size; l++) t.sums[l] += t.sums[i * blocks * size + l];
    const int64_t row = v->turned ? 1 : v->lanes, column = v->turned ? v->width : 1;
    for (int64_t tap = 0; tap < k->ni * k->nj; tap++)
        for (int64_t c = 0; c < t.channels; c++) {
            const float *from = t.sums + (tap * k->len + c) * row;
            float *to = v->dw + (tap * v->cg + t.c0 + c) * v->o + t.g * v->og + t.o0;
            for (int64_t o = 0; o < t.outs; o++) to[o] = from[o * column];
        }
}

static int bf16_dw(const bf16_tiles *tiles, const conv_shape *s, const float *x, const float *dy, float *dw)
{
    int64_t *hs = taps_f32(s), *ws = hs + s->i;
    if (!hs) return -1;
    for (int64_t i = 0; i < s->i; i++) hs[i] = i * s->dh - s->ph;
    for (int64_t j = 0; j < s->j; j++) ws[j] = j * s->dw - s->pw;
    bf16_weight_job v = {.tiles = tiles, .x = x, .dy = dy, .dw = dw, .o = s->o, .og = s->o / s->groups};
    v.cg = s->c / s->groups, v.groups = s->groups;
    int64_t len;
    cut(v.cg, most(16, 576 / (s->i * s->j)), &len, &v.cblocks);
    cut(v.og, 256, &v.olen, &v.oblocks);
    walk k = {s->n, s->h, s->w, s->c, s->oh, s->ow, s->sh, s->sw, s->i, s->j, hs, ws, len};
    v.width = round_up(s->i * s->j * len, 2 * BF16_COLUMNS), v.lanes = round_up(v.olen, 2 * BF16_COLUMNS);
    v.turned = v.lanes < v.width && s->i * s->j > 1;
    const int64_t fits = most(BF16_STEP, (1 << 17) / v.width / BF16_STEP * BF16_STEP);
    v.is_panel = bf16_plan(&k, most(BF16_STEP, least(least(256, fits), s->n * s->oh * s->ow / 8)), v.width);
    v.k = &k, v.pixels = round_up(walk_pixels(&k), BF16_STEP);
    const int64_t blocks = v.groups * v.cblocks * v.oblocks, size = blocks * v.width * v.lanes * (int64_t)sizeof(float);
    v.chunks = most(1, least(least(ceil_div(16, blocks), k.pieces), ((int64_t)32 << 20) / size));
    const size_t numbers = v.pixels * (2 * (v.width + v.lanes) + (v.turned ? v.lanes : v.width)) +
                           (v.is_panel ? 0 : walk_scratch(&k));
    const size_t slice = numbers * sizeof(uint16_t) + 64 + tap_segments(&k, INT64_MAX, NULL) * sizeof(segment) +
                         walk_pixels(&k) * sizeof(int64_t);
    lease l;
    const double work = (double)s->n * s->oh * s->ow * v.width * v.lanes * blocks;
    const int failed = pool_open(&l, size * v.chunks, slice, work);
    if (!failed) {
        v.sums = (float *)l.shared;
        pool_run(&l, bf16_weight_piece, &v, blocks * v.chunks);
        pool_run(&l, bf16_weight_sum, &v, blocks);
        pool_close(&l);
    }
    free(hs);
    return failed;
}

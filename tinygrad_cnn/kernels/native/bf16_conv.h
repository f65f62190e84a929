/* Forward convolution and the gradient for x by products of bf16 numbers: for each piece of pixels what its taps read
 * is gathered into a panel, rounded, and multiplied by the filters. */

typedef struct {
    const bf16_tiles *tiles;
    const walk *k;
    const filters_f32 *f;
    const float *src, *start;
    float *out;
    int64_t img, row, col; /* steps through the output */
    int64_t width, blocks, parts, pixels; /* numbers in a row of the panel, blocks of filters, of those apart, rows */
    int relu, is_panel;
    const segment *seg;
    int64_t nseg, *xo, *yo;
    uint16_t *packed;
} bf16_convolution;

/* Filters of one block of 16 output channels of one group. */
static void bf16_pack_piece(const void *job, int64_t piece, char *scratch)
{
    const bf16_convolution *v = job;
    const filters_f32 *f = v->f;
    const int64_t g = piece / v->blocks, at = piece % v->blocks * BF16_COLUMNS, taps = f->ni * f->nj;
    const int64_t len = filter_len_f32(f), lanes = least(BF16_COLUMNS, filter_out_f32(f) - at);
    const int64_t across = f->flip ? v->width : BF16_COLUMNS, down = f->flip ? BF16_COLUMNS : v->width;
    uint16_t *rounded = memset(scratch, 0, across * down * sizeof *rounded);
    bf16_pair *to = (bf16_pair *)v->packed + piece * v->width / 2 * BF16_COLUMNS;
    for (int64_t tap = 0; tap < taps; tap++) {
        const float *w = f->w + (f->ti[tap / f->nj] * f->j + f->tj[tap % f->nj]) * f->cg * f->o + g * f->og;
        if (f->flip)
            for (int64_t l = 0; l < lanes; l++) bf16_round(w + (at + l) * f->o, len, rounded + l * across + tap * len);
        else
            for (int64_t k = 0; k < len; k++) bf16_round(w + at + k * f->o, lanes, rounded + (tap * len + k) * across);
    }
    if (f->flip) bf16_turn((bf16_pair *)rounded, across / 2, BF16_COLUMNS, across / 2, to, BF16_COLUMNS);
    else bf16_pairs(rounded, across, down, 1, to);
}

/* Add the bias to a row of sums and store it. */
INLINE void bf16_finish(const float *sums, const float *start, int64_t n, int relu, float *restrict y)
{
    for (int64_t i = 0; i < n; i++) {
        const float t = sums[i] + start[i];
        y[i] = relu && t < 0 ? 0 : t;
    }
}

static void bf16_conv_piece(const void *job, int64_t piece, char *scratch)
{
    const bf16_convolution own = *(const bf16_convolution *)job, *v = &own;
    const walk *k = v->k;
    float sums[BF16_ROWS * 2 * BF16_COLUMNS] __attribute__((aligned(64)));
    const int64_t g = piece / v->parts / k->pieces, part = piece / k->pieces % v->parts;
    const int64_t first = part * v->blocks / v->parts, last = (part + 1) * v->blocks / v->parts;
    const int64_t out = filter_out_f32(v->f);
    const piece_box p = walk_piece(k, piece % k->pieces);
    const int64_t pixels = p.n * p.q * p.r;
    uint16_t *panel = (uint16_t *)scratch, *copy = v->is_panel ? panel : panel + v->pixels * v->width;
    bf16_fill(k, v->src, g * k->len, k->len, &p, copy);
    if (!v->is_panel) bf16_gather(copy, v->xo, pixels, v->seg, v->nseg, v->width, panel);
    memset(panel + pixels * v->width, 0, (v->pixels - pixels) * v->width * sizeof *panel);
    float *y = v->out + p.n0 * v->img + p.q0 * v->row + p.r0 * v->col + g * out;
    const float *start = v->start + g * v->blocks * BF16_COLUMNS;
    v->tiles->begin();
    for (int64_t block = first; block < last; block += 2) {
        const int two = block + 2 <= last;
        const int64_t at = block * BF16_COLUMNS, lanes = least((1 + two) * BF16_COLUMNS, out - at);
        const uint16_t *w = v->packed + (g * v->blocks + block) * v->width * BF16_COLUMNS;
        for (int64_t r = 0; r < pixels; r += BF16_ROWS) {
            v->tiles->multiply(panel + r * v->width, v->width, w, v->width / BF16_STEP, 1 + two, sums,
                               2 * BF16_COLUMNS, 0);
            for (int64_t i = r; i < least(r + BF16_ROWS, pixels); i++)
                bf16_finish(sums + (i - r) * 2 * BF16_COLUMNS, start + at, lanes, v->relu, y + v->yo[i] + at);
        }
    }
    v->tiles->end();
}

/* Filters f over the walk k through src; img, row and col are steps through out. */
static int bf16_convolve(const bf16_tiles *tiles, const float *src, float *out, int64_t img, int64_t row, int64_t col,
                         const filters_f32 *f, walk *k, int relu)
{
    bf16_convolution own = {.tiles = tiles, .k = k, .f = f, .src = src, .out = out, .relu = relu}, *v = &own;
    v->img = img, v->row = row, v->col = col;
    const int64_t channels = filter_out_f32(f), total = k->n * k->oh * k->ow;
    v->width = round_up(k->ni * k->nj * k->len, BF16_STEP);
    const int64_t fits = most(BF16_ROWS, (1 << 17) / v->width / BF16_ROWS * BF16_ROWS); /* 256 KB of a panel */
    v->is_panel = bf16_plan(k, most(BF16_ROWS, least(least(256, fits), total / 8)), v->width);
    const int64_t pixels = walk_pixels(k), nseg = tap_segments(k, INT64_MAX, NULL);
    v->pixels = round_up(pixels, BF16_ROWS), v->blocks = ceil_div(channels, BF16_COLUMNS);
    v->parts = k->pieces * f->groups < 8 ? ceil_div(v->blocks, 4) : 1;
    const size_t lanes = f->groups * v->blocks * BF16_COLUMNS, panels = lanes * v->width * sizeof(uint16_t);
    const size_t slice = most((v->pixels * v->width + (v->is_panel ? 0 : walk_scratch(k))), BF16_COLUMNS * v->width);
    lease l;
    if (pool_open(&l, panels + lanes * sizeof(float) + 2 * pixels * sizeof(int64_t) + nseg * sizeof(segment),
                  slice * sizeof(uint16_t), (double)total * v->width * channels * f->groups))
        return -1;
    v->packed = (uint16_t *)l.shared;
    float *start = memset(l.shared + panels, 0, lanes * sizeof(float));
    v->xo = (int64_t *)(start + lanes), v->yo = v->xo + pixels;
    segment *seg = (segment *)(v->yo + pixels);
    v->start = start, v->seg = seg, v->nseg = nseg;
    for (int64_t i = 0; f->b && i < f->groups * channels; i++)
        start[i / channels * v->blocks * BF16_COLUMNS + i % channels] = f->b[i];
    pixel_offsets(k, k->img, k->sh * k->row, k->sw * k->pix, v->xo);
    pixel_offsets(k, v->img, v->row, v->col, v->yo);
    tap_segments(k, INT64_MAX, seg);
    pool_run(&l, bf16_pack_piece, v, f->groups * v->blocks);
    pool_run(&l, bf16_conv_piece, v, f->groups * v->parts * k->pieces);
    pool_close(&l);
    return 0;
}

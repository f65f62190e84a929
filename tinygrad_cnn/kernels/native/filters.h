/* Packing filters for the product of tile.h. */

/* Filters w (I,J,C/groups,O) seen by a product: taps ti x tj, then input channels, as rows; output channels as lanes.
 * `flip` swaps the roles of C/groups and O, for the gradient. */
typedef struct {
    const T *w, *b;
    const int64_t *ti, *tj;
    int64_t ni, nj, j, cg, o, og, groups;
    int flip, direct; /* direct: used where they are, not packed */
    T *packed, *start;
} FN(filters);

static int64_t FN(filter_len)(const FN(filters) * f) { return f->flip ? f->og : f->cg; }
static int64_t FN(filter_out)(const FN(filters) * f) { return f->flip ? f->cg : f->og; }

/* Copy the transpose of a (lanes x len) block with row stride ld to rows of `width`. */
static void FN(transpose)(const T *w, int64_t ld, int64_t len, int64_t lanes, int64_t width, T *to)
{
    enum { block = 16 };
    for (int64_t l0 = 0; l0 < lanes; l0 += block)
        for (int64_t k0 = 0; k0 < len; k0 += block)
            for (int64_t k = k0; k < least(k0 + block, len); k++)
                for (int64_t l = l0; l < least(l0 + block, lanes); l++) to[k * width + l] = w[l * ld + k];
    for (int64_t k = 0; k < len; k++)
        for (int64_t l = lanes; l < width; l++) to[k * width + l] = 0;
}

/* One tap of one block of output channels of one group. */
static void FN(pack_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(filters) *f = job;
    (void)scratch;
    const int64_t len = FN(filter_len)(f), out = FN(filter_out)(f), blocks = ceil_div(out, WIDEST * LANES);
    const int64_t taps = f->ni * f->nj, block = piece % blocks, tap = piece / blocks % taps, g = piece / blocks / taps;
    const int64_t stop = least(out, (block + 1) * WIDEST * LANES);
    const T *w = f->w + (f->ti[tap / f->nj] * f->j + f->tj[tap % f->nj]) * f->cg * f->o + g * f->og;
    T *panel = f->packed + g * taps * len * FN(padded)(out);
    for (int64_t at = block * WIDEST * LANES, width; at < stop; at += width) {
        width = FN(tiles_for)(out, at)->width;
        const int64_t lanes = least(width, out - at);
        T *to = panel + at * taps * len + tap * len * width;
        if (f->flip) FN(transpose)(w + at * f->o, f->o, len, lanes, width, to);
        else
            for (int64_t k = 0; k < len; k++) {
                memcpy(to + k * width, w + at + k * f->o, lanes * sizeof(T));
                memset(to + k * width + lanes, 0, (width - lanes) * sizeof(T));
            }
    }
}

static void FN(pack)(const lease *l, const FN(filters) * f)
{
    const int64_t out = FN(filter_out)(f), padded = FN(padded)(out);
    for (int64_t g = 0; g < f->groups; g++)
        for (int64_t i = 0; i < padded; i++) f->start[g * padded + i] = f->b && i < out ? f->b[g * out + i] : 0;
    if (!f->direct) pool_run(l, FN(pack_piece), f, f->groups * f->ni * f->nj * ceil_div(out, WIDEST * LANES));
}

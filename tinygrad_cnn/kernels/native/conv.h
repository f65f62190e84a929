/* Convolutions, as walks (walk.h) of products (tile.h).  Filters are packed once per call; what a piece reads is copied
 * with a border of zeros if padding needs it.  Groups are separate products over slices of the channels. */

/* Copy the source under a piece: `channels` of them from c0 on, zeros outside the image. */
static void FN(fill)(const walk *k, const T *src, int64_t c0, int64_t channels, const piece_box *p, T *to)
{
    const int64_t rows = (p->q - 1) * k->sh + k->hs[k->ni - 1] - k->hs[0] + 1;
    const int64_t cols = (p->r - 1) * k->sw + k->ws[k->nj - 1] - k->ws[0] + 1;
    const int64_t top = p->q0 * k->sh + k->hs[0], left = p->r0 * k->sw + k->ws[0];
    const int64_t from = most(0, -left), upto = least(cols, k->w - left); /* the columns that are inside */
    for (int64_t n = 0; n < p->n; n++)
        for (int64_t r = 0; r < rows; r++) {
            T *line = to + n * k->img + r * k->row;
            if (top + r < 0 || top + r >= k->h || from >= upto) {
                memset(line, 0, cols * k->pix * sizeof(T));
                continue;
            }
            const T *s = src + (((p->n0 + n) * k->h + top + r) * k->w + left + from) * k->c + c0;
            memset(line, 0, from * k->pix * sizeof(T));
            if (channels == k->c && k->pix == k->c)
                memcpy(line + from * k->pix, s, (upto - from) * k->c * sizeof(T));
            else
                for (int64_t i = 0; i < upto - from; i++)
                    memcpy(line + (from + i) * k->pix, s + i * k->c, channels * sizeof(T));
            memset(line + upto * k->pix, 0, (cols - upto) * k->pix * sizeof(T));
        }
}

/* ---- packing filters ---------------------------------------------------------------------------------------------- */

/* Filters w (I,J,C/groups,O) seen by a product: taps ti x tj, then input channels, as rows; output channels as lanes.
 * `flip` swaps the roles of C/groups and O, for the gradient. */
typedef struct {
    const T *w, *b;
    const int64_t *ti, *tj;
    int64_t ni, nj, j, cg, o, og, groups;
    int flip, direct; /* direct: used where they are, not packed */
    T *packed, *start;
} FN(filters);

static int64_t FN(filter_len)(const FN(filters) *f) { return f->flip ? f->og : f->cg; }
static int64_t FN(filter_out)(const FN(filters) *f) { return f->flip ? f->cg : f->og; }

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

/* One tap of one block of lanes of one group. */
static void FN(pack_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(filters) *f = job;
    (void)scratch;
    const int64_t taps = f->ni * f->nj, tap = piece % taps, g = piece / taps;
    const int64_t len = FN(filter_len)(f), out = FN(filter_out)(f);
    const T *w = f->w + (f->ti[tap / f->nj] * f->j + f->tj[tap % f->nj]) * f->cg * f->o + g * f->og;
    T *panel = f->packed + g * taps * len * FN(padded)(out);
    for (int64_t at = 0, width; at < out; at += width) {
        width = FN(tiles_for)(out, at)->vectors * LANES;
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

static void FN(pack)(const lease *l, const FN(filters) *f)
{
    const int64_t out = FN(filter_out)(f), padded = FN(padded)(out);
    for (int64_t g = 0; g < f->groups; g++)
        for (int64_t i = 0; i < padded; i++) f->start[g * padded + i] = f->b && i < out ? f->b[g * out + i] : 0;
    if (!f->direct) pool_run(l, FN(pack_piece), f, f->groups * f->ni * f->nj);
}

#ifndef FEW_PIXELS
#define FEW_PIXELS 96
#endif

/* ---- y = source * filters: forward, and the gradient for x --------------------------------------------------------- */

typedef struct {
    const walk *k;
    const FN(filters) *f;
    const T *src;
    T *out;
    int64_t img, row, col; /* steps through the output */
    int64_t *xo, *yo, parts;
    FN(product) product;
} FN(convolution);

static void FN(convolve_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(convolution) *v = job;
    const walk *k = v->k;
    const int64_t g = piece / v->parts / k->pieces, part = piece / k->pieces % v->parts;
    const int64_t out = FN(filter_out)(v->f), width = WIDEST * LANES;
    const piece_box p = walk_piece(k, piece % k->pieces);
    const T *x = (T *)scratch;
    if (k->copy) FN(fill)(k, v->src, g * k->len, k->len, &p, (T *)scratch);
    else x = v->src + ((p.n0 * k->h + p.q0 * k->sh + k->hs[0]) * k->w + p.r0 * k->sw + k->ws[0]) * k->c + g * k->len;
    FN(product) m = v->product;
    m.w += v->f->direct ? g * out : g * m.rows * FN(padded)(out), m.start += g * FN(padded)(out);
    T *y = v->out + p.n0 * v->img + p.q0 * v->row + p.r0 * v->col + g * out;
    const int64_t at = v->parts > 1 ? part * width : 0, stop = v->parts > 1 ? least(out, at + width) : out;
    FN(sweep)(&m, at, stop, x, v->xo, y, v->yo, p.n * p.q * p.r);
}

static int FN(convolve)(FN(convolution) *v, FN(filters) *f, walk *k, int relu)
{
    const int64_t out = FN(filter_out)(f), total = k->n * k->oh * k->ow, padded = FN(padded)(out);
    walk_plan(k, most(32, least(256, total / 8)), 0);
    const int64_t rows = walk_rows(k), pixels = walk_pixels(k), nseg = tap_segments(k, ROWS_IN_CACHE, NULL);
    v->parts = k->pieces * f->groups < 8 ? ceil_div(out, WIDEST * LANES) : 1;
    f->direct = !f->flip && out == padded && total <= FEW_PIXELS; /* too few to pay for packing */
    const size_t panels = f->direct ? 0 : f->groups * rows * padded * sizeof(T), starts = (f->groups * padded * sizeof(T) + 63) / 64 * 64;
    lease l;
    if (pool_open(&l, panels + starts + pixels * 2 * sizeof(int64_t) + nseg * sizeof(segment),
                  walk_scratch(k) * sizeof(T), (double)total * rows * out * f->groups))
        return -1;
    f->packed = (T *)l.shared, f->start = (T *)(l.shared + panels);
    v->xo = (int64_t *)(l.shared + panels + starts), v->yo = v->xo + pixels;
    segment *seg = (segment *)(v->yo + pixels);
    v->k = k, v->f = f;
    FN(pack)(&l, f);
    pixel_offsets(k, k->img, k->sh * k->row, k->sw * k->pix, v->xo);
    pixel_offsets(k, v->img, v->row, v->col, v->yo);
    tap_segments(k, ROWS_IN_CACHE, seg);
    v->product = (FN(product)){seg, nseg, rows, 1, out, f->packed, f->start, relu ? FN(RELU) : 0, f->direct ? f->o : 0};
    if (f->direct) v->product.w = f->w;
    pool_run(&l, FN(convolve_piece), v, f->groups * v->parts * k->pieces);
    pool_close(&l);
    return 0;
}

static int64_t *FN(taps)(const conv_shape *s)
{
    return malloc(2 * (s->i + s->j) * sizeof(int64_t)); /* offsets of rows and columns, then their numbers */
}

static int FN(one_each)(const conv_shape *s) { return s->groups == s->c && s->c == s->o && s->c > 1; }

static int FN(conv2d)(const conv_shape *s, const void *x, const void *w, const void *b, void *y)
{
    if (FN(one_each)(s)) return FN(depthwise_conv2d)(s, x, w, b, y);
    int64_t *hs = FN(taps)(s), *ws = hs + s->i, *ti = ws + s->j, *tj = ti + s->i;
    if (!hs) return -1;
    for (int64_t i = 0; i < s->i; i++) hs[i] = i * s->dh - s->ph, ti[i] = i;
    for (int64_t j = 0; j < s->j; j++) ws[j] = j * s->dw - s->pw, tj[j] = j;
    walk k = {s->n, s->h, s->w, s->c, s->oh, s->ow, s->sh, s->sw, s->i, s->j, hs, ws, s->c / s->groups};
    FN(filters) f = {w, b, ti, tj, s->i, s->j, s->j, s->c / s->groups, s->o, s->o / s->groups, s->groups};
    FN(convolution) v = {.src = x, .out = y, .img = s->oh * s->ow * s->o, .row = s->ow * s->o, .col = s->o};
    int failed = FN(convolve)(&v, &f, &k, s->relu);
    free(hs);
    return failed;
}

/* Taps that reach pixels q*stride + phase of x, by ascending offset in dy; returns how many. */
static int64_t FN(phase_taps)(int64_t phase, int64_t pad, int64_t stride, int64_t dilation, int64_t count, int64_t *offset,
                              int64_t *tap)
{
    int64_t found = 0;
    for (int64_t i = count - 1; i >= 0; i--) {
        int64_t at = phase + pad - i * dilation;
        if (at % stride == 0) offset[found] = at / stride, tap[found++] = i;
    }
    return found;
}

/* One walk over dy for each phase of the stride: dx pixel q*s + phase gathers dy[q + offset] through the flipped taps. */
static int FN(conv2d_dx)(const conv_shape *s, const void *dy, const void *w, void *dx)
{
    if (FN(one_each)(s)) return FN(depthwise_dx)(s, dy, w, dx);
    int64_t *hs = FN(taps)(s), *ws = hs + s->i, *ti = ws + s->j, *tj = ti + s->i;
    if (!hs) return -1;
    int failed = 0;
    const int64_t og = s->o / s->groups, cg = s->c / s->groups;
    if (s->sh > 1 || s->sw > 1) memset(dx, 0, s->n * s->h * s->w * s->c * sizeof(T));
    for (int64_t a = 0; a < least(s->sh, s->h) && !failed; a++) {
        const int64_t ni = FN(phase_taps)(a, s->ph, s->sh, s->dh, s->i, hs, ti);
        for (int64_t b = 0; ni && b < least(s->sw, s->w) && !failed; b++) {
            const int64_t nj = FN(phase_taps)(b, s->pw, s->sw, s->dw, s->j, ws, tj);
            if (!nj) continue;
            walk k = {s->n, s->oh, s->ow, s->o, ceil_div(s->h - a, s->sh), ceil_div(s->w - b, s->sw), 1, 1, ni, nj, hs, ws, og};
            FN(filters) f = {w, NULL, ti, tj, ni, nj, s->j, cg, s->o, og, s->groups, 1};
            FN(convolution) v = {.src = dy, .out = (T *)dx + (a * s->w + b) * s->c, .img = s->h * s->w * s->c,
                                 .row = s->sh * s->w * s->c, .col = s->sw * s->c};
            failed = FN(convolve)(&v, &f, &k, 0);
        }
    }
    free(hs);
    return failed;
}

/* ---- the gradient for w ---------------------------------------------------------------------------------------------
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

static FN(weight_part) FN(weight_locate)(const FN(weight_job) *v, int64_t piece)
{
    FN(weight_part) t;
    const int64_t cb = piece % v->cblocks, padded = FN(padded)(v->og), rows = walk_rows(v->k);
    int64_t ob = piece / v->cblocks % v->oblocks;
    t.chunk = piece / v->cblocks / v->oblocks % v->chunks;
    t.g = piece / v->cblocks / v->oblocks / v->chunks;
    t.c0 = cb * v->k->len, t.channels = least(v->k->len, v->cg - t.c0);
    for (t.at = 0; t.width = FN(tiles_for)(v->og, t.at)->vectors * LANES, ob; ob--) t.at += t.width;
    t.lanes = least(t.width, v->og - t.at);
    t.partial = v->partial + ((t.g * v->chunks + t.chunk) * v->cblocks + cb) * rows * padded + rows * t.at;
    return t;
}

/* dy under a piece, one block of lanes wide. */
static void FN(fill_dy)(const FN(weight_job) *v, const FN(weight_part) *t, const piece_box *p, T *to)
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
                xo[rows] = (k->hs[a] - k->hs[0]) * k->row + (k->ws[b] - k->ws[0]) * k->pix + c, yo[rows] = rows * t.width;
    const int64_t first = t.chunk * k->pieces / v->chunks, last = (t.chunk + 1) * k->pieces / v->chunks;
    for (int64_t at = first; at < last; at++) {
        const piece_box p = walk_piece(k, at);
        int64_t nseg = 0;
        FN(fill)(k, v->x, t.g * v->cg + t.c0, t.channels, &p, x);
        FN(fill_dy)(v, &t, &p, dy);
        for (int64_t n = 0; n < p.n; n++)
            for (int64_t q = 0; q < p.q; q++) seg[nseg++] = (segment){n * k->img + q * k->sh * k->row, p.r};
        FN(product) m = {seg, nseg, p.n * p.q * p.r, k->sw * k->pix, t.width, dy, v->zeros, at > first ? FN(RESUME) : 0};
        FN(sweep)(&m, 0, t.width, x, xo, t.partial, yo, rows);
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
                for (int64_t l = 0; l < t.width; l += LANES)
                    FN(store)(p + l, FN(load)(p + l) + FN(load)(p + i * chunk + l));
            FN(copy_lanes)(v->dw + (tap * v->cg + t.c0 + c) * v->o + t.g * v->og + t.at, p, t.lanes);
        }
}

static int FN(conv2d_dw)(const conv_shape *s, const void *x, const void *dy, void *dw)
{
    if (FN(one_each)(s)) return FN(depthwise_dw)(s, x, dy, dw);
    int64_t *hs = FN(taps)(s), *ws = hs + s->i;
    if (!hs) return -1;
    for (int64_t i = 0; i < s->i; i++) hs[i] = i * s->dh - s->ph;
    for (int64_t j = 0; j < s->j; j++) ws[j] = j * s->dw - s->pw;
    FN(weight_job) v = {.x = x, .dy = dy, .dw = dw, .o = s->o, .og = s->o / s->groups, .cg = s->c / s->groups, .groups = s->groups};
    int64_t len;
    cut(v.cg, most(16, 576 / (s->i * s->j)), &len, &v.cblocks);
    walk k = {s->n, s->h, s->w, s->c, s->oh, s->ow, s->sh, s->sw, s->i, s->j, hs, ws, len};
    const int64_t total = s->n * s->oh * s->ow, padded = FN(padded)(v.og);
    walk_plan(&k, most(32, least(256, total / 8)), 1);
    v.k = &k;
    for (int64_t at = 0; at < v.og; v.oblocks++) at += FN(tiles_for)(v.og, at)->vectors * LANES;
    const int64_t blocks = v.groups * v.cblocks * v.oblocks, rows = walk_rows(&k), pixels = walk_pixels(&k);
    const size_t sums = v.groups * v.cblocks * rows * padded * sizeof(T);
    v.chunks = most(1, least(least(ceil_div(16, blocks), k.pieces), ((int64_t)32 << 20) / (int64_t)sums));
    const size_t zeros = WIDEST * VEC_BYTES;
    const size_t slice = (pixels * WIDEST * LANES + walk_scratch(&k)) * sizeof(T) + 64 + k.bn * k.br * sizeof(segment) +
                         2 * rows * sizeof(int64_t);
    lease l;
    int failed = pool_open(&l, sums * v.chunks + zeros, slice, (double)total * rows * v.og * blocks);
    if (!failed) {
        v.partial = (T *)l.shared, v.zeros = memset(l.shared + sums * v.chunks, 0, zeros);
        pool_run(&l, FN(weight_piece), &v, blocks * v.chunks);
        pool_run(&l, FN(weight_sum), &v, blocks);
        pool_close(&l);
    }
    free(hs);
    return failed;
}

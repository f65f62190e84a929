/* Convolutions, as walks (walk.h) of products (tile.h).  Filters are packed once per call; what a piece reads is copied
 * with a border of zeros if padding needs it.  Groups are separate products over slices of the channels;
 * with many pieces they share one copy of all channels. */

/* The element of the source that the first tap of a piece's first pixel reads. */
static int64_t FN(origin)(const walk *k, const piece_box *p)
{
    return ((p->n0 * k->h + p->q0 * k->sh + k->hs[0]) * k->w + p->r0 * k->sw + k->ws[0]) * k->c;
}

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
            if (channels == k->c && k->pix == k->c) memcpy(line + from * k->pix, s, (upto - from) * k->c * sizeof(T));
            else
                for (int64_t i = 0; i < upto - from; i++)
                    FN(copy_lanes)(line + (from + i) * k->pix, s + i * k->c, channels);
            memset(line + upto * k->pix, 0, (cols - upto) * k->pix * sizeof(T));
        }
}

/* ---- y = source * filters: forward, and the gradient for x ---------------------------------------------------------
 */

typedef struct {
    const walk *k;
    const FN(filters) * f;
    const T *src;
    T *out;
    int64_t img, row, col; /* steps through the output */
    int64_t *xo, *yo, parts;
    FN(product) product;
    const bf16_tiles *tiles; /* products of bf16 numbers, or NULL */
} FN(convolution);

static void FN(convolve_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(convolution) *v = job;
    const walk *k = v->k;
    const int64_t out = FN(filter_out)(v->f), width = WIDEST * LANES, together = k->held ? v->f->groups : 1;
    const int64_t first = piece / v->parts / k->pieces, part = piece / k->pieces % v->parts;
    const piece_box p = walk_piece(k, piece % k->pieces);
    const T *x = (T *)scratch;
    if (k->copy) FN(fill)(k, v->src, first * k->len, most(k->len, k->held), &p, (T *)scratch);
    else x = v->src + FN(origin)(k, &p) + first * k->len;
    T *y = v->out + p.n0 * v->img + p.q0 * v->row + p.r0 * v->col + first * out;
    for (int64_t g = first; g < first + together; g++, x += k->len, y += out) {
        FN(product) m = v->product;
        m.w += v->f->direct ? g * out : g * m.rows * FN(padded)(out), m.start += g * FN(padded)(out);
        const int64_t at = v->parts > 1 ? part * width : 0, stop = v->parts > 1 ? least(out, at + width) : out;
        FN(sweep)(&m, at, stop, x, v->xo, y, v->yo, p.n * p.q * p.r);
    }
}

/* `few`: in the way of groups.h */
static int FN(convolve)(FN(convolution) * v, FN(filters) * f, walk *k, int relu, int few)
{
#if HAS_BF16
    if (v->tiles) return bf16_convolve(v->tiles, v->src, v->out, v->img, v->row, v->col, f, k, relu);
#endif
    const int64_t out = FN(filter_out)(f), total = k->n * k->oh * k->ow, padded = FN(padded)(out);
    if (few) {
        FN(grouped) u = {.src = v->src, .out = v->out, .img = v->img, .row = v->row, .col = v->col};
        return FN(group_convolve)(&u, f, k, relu);
    }
    walk_plan(k, most(32, least(256, total / 8)), 0);
    if (f->groups > 1 && k->pieces >= 8) { /* groups one after the other, from one copy of all their channels */
        k->held = k->c;
        walk_plan(k, most(32, least(256, total / 8)), 0);
    }
    const int64_t together = k->held ? f->groups : 1;
    const int64_t rows = walk_rows(k), pixels = walk_pixels(k), nseg = tap_segments(k, ROWS_IN_CACHE, NULL);
    v->parts = k->pieces * f->groups < 8 ? ceil_div(out, WIDEST * LANES) : 1;
    f->direct = !f->flip && out == padded && total <= FEW_PIXELS; /* too few to pay for packing */
    const size_t panels = f->direct ? 0 : f->groups * rows * padded * sizeof(T),
                 starts = (f->groups * padded * sizeof(T) + 63) / 64 * 64;
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
    pool_run(&l, FN(convolve_piece), v, f->groups / together * v->parts * k->pieces);
    pool_close(&l);
    return 0;
}

static int64_t *FN(taps)(const conv_shape *s)
{
    return malloc(2 * (s->i + s->j) * sizeof(int64_t)); /* offsets of rows and columns, then their numbers */
}

/* One filter for each channel, and depthwise.h does it. */
static int FN(one_each)(const conv_shape *s)
{
    return s->groups == s->c && s->c == s->o && s->c > 1 && !FN(few_each)(s, 1, 1);
}

static int FN(plain_conv2d)(const conv_shape *s, const void *x, const void *w, const void *b, void *y)
{
    if (FN(one_each)(s)) return FN(depthwise_conv2d)(s, x, w, b, y);
    if (FN(one_row)(s)) return FN(row_conv2d)(s, x, w, b, y);
    const bf16_tiles *tiles = FN(bf16_for_conv2d)(s);
    const int other = tiles ? 1 : FN(minimal_conv2d)(s, x, w, b, y);
    if (other <= 0) return other;
    int64_t *hs = FN(taps)(s), *ws = hs + s->i, *ti = ws + s->j, *tj = ti + s->i;
    if (!hs) return -1;
    for (int64_t i = 0; i < s->i; i++) hs[i] = i * s->dh - s->ph, ti[i] = i;
    for (int64_t j = 0; j < s->j; j++) ws[j] = j * s->dw - s->pw, tj[j] = j;
    walk k = {s->n, s->h, s->w, s->c, s->oh, s->ow, s->sh, s->sw, s->i, s->j, hs, ws, s->c / s->groups};
    FN(filters) f = {w, b, ti, tj, s->i, s->j, s->j, s->c / s->groups, s->o, s->o / s->groups, s->groups};
    FN(convolution)
    v = {.src = x, .out = y, .img = s->oh * s->ow * s->o, .row = s->ow * s->o, .col = s->o, .tiles = tiles};
    int failed = FN(convolve)(&v, &f, &k, s->relu, FN(few_each)(s, s->c / s->groups, s->o / s->groups));
    free(hs);
    return failed;
}

/* Taps that reach pixels q*stride + phase of x, by ascending offset in dy; returns how many. */
static int64_t FN(phase_taps)(int64_t phase, int64_t pad, int64_t stride, int64_t dilation, int64_t count,
                              int64_t *offset, int64_t *tap)
{
    int64_t found = 0;
    for (int64_t i = count - 1; i >= 0; i--) {
        int64_t at = phase + pad - i * dilation;
        if (at % stride == 0) offset[found] = at / stride, tap[found++] = i;
    }
    return found;
}

/* One walk over dy for each phase of the stride: dx pixel q*s + phase gathers dy[q + offset] through the flipped taps.
 */
static int FN(plain_dx)(const conv_shape *s, const void *dy, const void *w, void *dx)
{
    if (FN(one_each)(s)) return FN(depthwise_dx)(s, dy, w, dx);
    if (FN(one_row)(s)) return FN(row_gradient)(s, FN(row_dx_piece), NULL, dy, w, dx);
    if (s->h * s->w * s->i * s->j * s->oh * s->ow * s->groups == 1 && !s->ph && !s->pw && s->n <= FEW_PIXELS)
        return FN(matmul_few_rows)(s->n, s->o, s->c, dy, w, dx);
    const bf16_tiles *tiles = FN(bf16_for_dx)(s);
    const int other = tiles ? 1 : FN(minimal_dx)(s, dy, w, dx);
    if (other <= 0) return other;
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
            walk k = {s->n, s->oh, s->ow, s->o, ceil_div(s->h - a, s->sh), ceil_div(s->w - b, s->sw), 1, 1, ni,
                      nj,   hs,    ws,    og};
            FN(filters) f = {w, NULL, ti, tj, ni, nj, s->j, cg, s->o, og, s->groups, 1};
            FN(convolution)
            v = {.src = dy,
                 .out = (T *)dx + (a * s->w + b) * s->c,
                 .img = s->h * s->w * s->c,
                 .row = s->sh * s->w * s->c,
                 .col = s->sw * s->c,
                 .tiles = tiles};
            failed = FN(convolve)(&v, &f, &k, 0, FN(few_each)(s, og, cg));
        }
    }
    free(hs);
    return failed;
}

/* Convolutions whose groups have few channels: one (depthwise) or, say, four.
 *
 * Vectors run over the output channels of all groups, and on over neighbouring pixels of a row, which lie behind them
 * in memory: 24 channels of two pixels are three whole vectors.  What one step, a tap and a number k within its group,
 * multiplies is as long as the output row if input channel k of each group stands there once for each output channel of
 * the group.  Rows of x are copied so, with zeros around the image, one line of memory for each k; then a step is one
 * product of vectors:
 *
 *     y[r*O + o] += line[(r*stride + column)*O + o] * w[step][o]
 *
 * Forward and the gradient for x are this; for the gradient for w see group_weights.h. */

#define MOST_IN_UNIT 6 /* vectors */

typedef T FN(four) __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));

typedef struct {
    const walk *k;
    const T *src, *dy;
    T *out;
    int64_t img, row, col;                 /* steps through the output */
    int64_t groups, each_in, each_out;     /* channels of a group */
    int64_t block, blocks;                 /* groups done together, and how many such */
    int64_t unit, vectors, wide, next;     /* pixels whose channels are `vectors` vectors, elements of these; of x */
    int64_t line, deep;                    /* elements of a line, and of a row's lines */
    int64_t steps, *offset;                /* where each reads */
    int64_t chunks;                        /* sums of the gradient for w */
    const FN(filters) * f;
    T *filters, *start, *dw;
    int relu;
} FN(grouped);

/* How many pixels of a row fill vectors best. */
static int64_t FN(unit_pixels)(int64_t channels, int64_t width)
{
    int64_t best = 1;
    double share = 0;
    for (int64_t m = 1; m <= width && (m == 1 || m * channels <= MOST_IN_UNIT * LANES); m++) {
        const double now = (double)width / (double)(ceil_div(width, m) * FN(padded)(m * channels));
        if (now > 1.05 * share) best = m, share = now;
    }
    return best;
}

/* Pieces: so few columns that the lines under a row of the output stay in the first-level cache, and so few rows that
 * all lines stay in the second-level cache. */
static void FN(group_cut)(walk *k, int64_t each)
{
    const int64_t window = k->hs[k->ni - 1] - k->hs[0] + 1;
    cut(k->ow, most(8, 8192 / (window * k->sw * each)), &k->bc, &k->pc);
    cut(k->oh, 32768 / (k->bc * k->sh * k->sw * each), &k->br, &k->pr);
    cut(k->n, k->pc * k->pr > 1 ? 1 : 4096 / (k->oh * k->ow * k->sh * k->sw * each), &k->bn, &k->pn);
    k->span_h = (k->br - 1) * k->sh + window;
    k->pieces = k->pn * k->pr * k->pc;
}

/* Is this quicker than the tile, whose vectors hold the output channels of one group?  It copies more of x the more
 * channels a group has. */
static int FN(few_each)(const conv_shape *s, int64_t each_in, int64_t each_out)
{
    if (s->groups == 1 || each_in * each_out > 32 || 2 * each_out > LANES) return 0;
    if (each_in * each_out > 1) return 1;
    return s->sw == 1 && FN(unit_pixels)(s->groups, s->ow) > 1; /* otherwise depthwise.h, which reads in place */
}

/* What of `v` follows from the walk and the groups; the output's columns lie side by side, or `apart`. */
static void FN(group_plan)(FN(grouped) * v, walk *k, int apart)
{
    cut(v->groups, most(1, (v->each_in * v->each_out > 1 ? 64 : 256) / v->each_out), &v->block, &v->blocks);
    const int64_t channels = v->block * v->each_out;
    FN(group_cut)(k, channels * v->each_in);
    v->k = k;
    v->unit = apart || v->blocks > 1 || k->sw > 1 ? 1 : FN(unit_pixels)(channels, k->bc);
    v->wide = v->unit * channels, v->vectors = ceil_div(v->wide, LANES), v->next = k->sw * v->wide;
    const int64_t last = k->ws[k->nj - 1] - k->ws[0];
    v->line = ceil_div((ceil_div(k->bc, v->unit) * v->unit * k->sw + last) * channels, LANES) * LANES + most(4, LANES);
    v->deep = v->each_in * v->line;
    v->steps = k->ni * k->nj * v->each_in;
}

static void FN(group_offsets)(const FN(grouped) * v)
{
    const walk *k = v->k;
    int64_t *to = v->offset;
    for (int64_t a = 0; a < k->ni; a++)
        for (int64_t b = 0; b < k->nj; b++)
            for (int64_t i = 0; i < v->each_in; i++)
                *to++ = (k->hs[a] - k->hs[0]) * v->deep + i * v->line +
                        (k->ws[b] - k->ws[0]) * v->block * v->each_out;
}

/* `count` pixels to lines whose pixels are `pitch` elements apart. */
INLINE void FN(spread_pixels)(const FN(grouped) * v, const T *s, int64_t count, int64_t groups, T *to, int64_t pitch)
{
    const int64_t each_in = v->each_in, each_out = v->each_out, c = v->k->c;
    if (each_in == 1 && each_out == 1 && c == pitch) memcpy(to, s, count * pitch * sizeof(T));
    else if (each_in == 1 && each_out == 1)
        for (int64_t p = 0; p < count; p++) FN(copy_lanes)(to + p * pitch, s + p * c, groups);
    else
        for (int64_t i = 0; i < each_in; i++, to += v->line)
            for (int64_t p = 0; p < count; p++)
                for (int64_t g = 0; g < groups; g++) /* what runs over is written later */
                    for (int64_t l = 0; l < each_out; l += 4)
                        *(FN(four) *)(to + p * pitch + g * each_out + l) = (FN(four)){0} + s[p * c + g * each_in + i];
}

/* The lines of row r under a piece: of `groups` from g0 on, with zeros outside the source. */
static void FN(spread_row)(const FN(grouped) * v, const piece_box *p, int64_t n, int64_t r, int64_t g0, int64_t groups,
                           T *to)
{
    const walk *k = v->k;
    const int64_t channels = v->block * v->each_out, all = (v->line - most(4, LANES)) / channels; /* pixels in a line */
    const int64_t h = p->q0 * k->sh + k->hs[0] + r, left = p->r0 * k->sw + k->ws[0];
    const int64_t from = least(all, most(0, -left)), upto = most(from, least(all, k->w - left));
    T *row = to + (n * k->span_h + r) * v->deep;
    if (h < 0 || h >= k->h) {
        memset(row, 0, v->deep * sizeof(T));
        return;
    }
    const T *s = v->src + (((p->n0 + n) * k->h + h) * k->w + left + from) * k->c + g0 * v->each_in;
    for (int64_t i = 0; i < v->each_in; i++) memset(row + i * v->line, 0, from * channels * sizeof(T));
    FN(spread_pixels)(v, s, upto - from, groups, row + from * channels, channels);
    for (int64_t i = 0; i < v->each_in; i++)
        memset(row + i * v->line + upto * channels, 0, (v->line - upto * channels) * sizeof(T));
}

/* Filters as lines multiply them: for one block and step the channels of one pixel, again for each of a unit. */
static void FN(group_filters)(const void *job, int64_t piece, char *scratch)
{
    const FN(grouped) *v = job;
    const FN(filters) *f = v->f;
    (void)scratch;
    const int64_t b = piece / v->steps, t = piece % v->steps, i = t % v->each_in, tap = t / v->each_in;
    const int64_t width = v->vectors * LANES, groups = least(v->block, v->groups - b * v->block);
    const T *w = f->w + (f->ti[tap / f->nj] * f->j + f->tj[tap % f->nj]) * f->cg * f->o;
    T *to = memset(v->filters + piece * width, 0, width * sizeof(T));
    T *start = t ? NULL : memset(v->start + b * width, 0, width * sizeof(T));
    for (int64_t m = 0; m < v->unit; m++)
        for (int64_t g = b * v->block; g < b * v->block + groups; g++)
            for (int64_t o = 0; o < v->each_out; o++) {
                *to++ = w[f->flip ? o * f->o + g * f->og + i : i * f->o + g * f->og + o];
                if (start) *start++ = f->b ? f->b[g * v->each_out + o] : 0;
            }
}

/* One vector of `count` units, all steps. */
INLINE void FN(group_tile)(const int count, const FN(grouped) * v, const T *x, const T *w, VEC start, T *y,
                           int64_t apart, int64_t lanes, int64_t last)
{
    VEC sum[8];
    UNROLL for (int r = 0; r < count; r++) sum[r] = start;
    const int64_t width = v->vectors * LANES, next = v->next;
    for (int64_t t = 0; t < v->steps; t++, w += width) {
        const T *p = x + v->offset[t];
        const VEC filter = FN(load)(w);
        UNROLL for (int r = 0; r < count; r++) sum[r] += FN(load)(p + r * next) * filter;
    }
    UNROLL for (int r = 0; r < count; r++)
    {
        const int64_t n = r < count - 1 ? lanes : last;
        if (n > 0) FN(store_some)(y + r * apart, v->relu ? FN(relu_vec)(sum[r]) : sum[r], n);
    }
}

static void FN(group_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(grouped) own = *(const FN(grouped) *)job, *v = &own; /* a copy, which no store can alias */
    const walk *k = v->k;
    const piece_box p = walk_piece(k, piece % k->pieces);
    const int64_t b = piece / k->pieces, groups = least(v->block, v->groups - b * v->block);
    const int64_t units = ceil_div(p.r, v->unit), apart = v->unit * v->col, width = v->vectors * LANES;
    const int64_t window = k->hs[k->ni - 1] - k->hs[0] + 1;
    for (int64_t row = 0, done = 0; row < p.n * p.q; row++) {
        const int64_t n = row / p.q, q = row % p.q;
        for (done = q ? done : 0; done < q * k->sh + window; done++)
            FN(spread_row)(v, &p, n, done, b * v->block, groups, (T *)scratch);
        const T *x = (const T *)scratch + (n * k->span_h + q * k->sh) * v->deep;
        T *y = v->out + (p.n0 + n) * v->img + (p.q0 + q) * v->row + p.r0 * v->col + b * v->block * v->each_out;
        for (int64_t at = 0; at < width; at += LANES) {
            const T *w = v->filters + b * v->steps * width + at;
            const VEC start = FN(load)(v->start + b * width + at);
            const int64_t lanes = least(v->unit * groups * v->each_out, v->wide) - at;
            for (int64_t u = 0, left; (left = units - u) > 0;) {
                const int64_t count = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
                const int64_t pixels = p.r - (u + count - 1) * v->unit; /* of the last unit and on */
                const int64_t last = least(lanes, pixels * groups * v->each_out - at);
                const T *from = x + u * v->next + at;
                T *to = y + u * apart + at;
                switch (count) {
                case 8: FN(group_tile)(8, v, from, w, start, to, apart, lanes, last); break;
                case 4: FN(group_tile)(4, v, from, w, start, to, apart, lanes, last); break;
                case 2: FN(group_tile)(2, v, from, w, start, to, apart, lanes, last); break;
                default: FN(group_tile)(1, v, from, w, start, to, apart, lanes, last);
                }
                u += count;
            }
        }
    }
}

static double FN(group_work)(const FN(grouped) * v, const walk *k)
{
    return (double)k->n * k->oh * k->ow * v->steps * v->groups * v->each_out / LANES * 2;
}

/* y = source * filters, as FN(convolve); `v` has the source, the output and the steps through it. */
static int FN(group_convolve)(FN(grouped) * v, const FN(filters) * f, walk *k, int relu)
{
    v->groups = f->groups, v->each_in = FN(filter_len)(f), v->each_out = FN(filter_out)(f), v->relu = relu;
    FN(group_plan)(v, k, v->col != v->groups * v->each_out);
    const int64_t width = v->vectors * LANES, filters = v->blocks * v->steps * width;
    lease l;
    if (pool_open(&l, (filters + v->blocks * width) * sizeof(T) + v->steps * sizeof(int64_t),
                  k->bn * k->span_h * v->deep * sizeof(T), FN(group_work)(v, k)))
        return -1;
    v->filters = (T *)l.shared, v->start = v->filters + filters, v->offset = (int64_t *)(v->start + v->blocks * width);
    v->f = f;
    FN(group_offsets)(v);
    pool_run(&l, FN(group_filters), v, v->blocks * v->steps);
    pool_run(&l, FN(group_piece), v, v->blocks * k->pieces);
    pool_close(&l);
    return 0;
}

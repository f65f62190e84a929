/* The gradient for w where groups have few channels: the sum over all pixels of the lines of groups.h times dy, nine
 * steps at a time.  The batch is cut into a fixed number of chunks, whose sums are added in order. */

#define MOST_STEPS 9 /* whose sums are kept in registers */

/* Add to the sums of `count` steps, for one vector of a unit, what all rows of a piece have. */
INLINE void FN(group_sums)(const int count, const FN(grouped) * v, const piece_box *p, const T *x,
                           const int64_t *offset, const T *dy, int64_t units, int64_t dy_row, T *sums)
{
    const walk *k = v->k;
    const int64_t width = v->vectors * LANES;
    VEC sum[MOST_STEPS];
    UNROLL for (int t = 0; t < count; t++) sum[t] = FN(load)(sums + t * width);
    for (int64_t n = 0; n < p->n; n++)
        for (int64_t q = 0; q < p->q; q++, dy += dy_row) {
            const T *from[MOST_STEPS];
            UNROLL for (int t = 0; t < count; t++) from[t] = x + (n * k->span_h + q * k->sh) * v->deep + offset[t];
            for (int64_t u = 0, i = 0; u < units; u++, i += v->next) {
                const VEC g = FN(load)(dy + u * v->wide);
                UNROLL for (int t = 0; t < count; t++) sum[t] += FN(load)(from[t] + i) * g;
            }
        }
    UNROLL for (int t = 0; t < count; t++) FN(store)(sums + t * width, sum[t]);
}

static void FN(group_dw_piece)(const void *job, int64_t number, char *scratch)
{
    const FN(grouped) own = *(const FN(grouped) *)job, *v = &own; /* a copy, which no store can alias */
    const walk *k = v->k;
    const int64_t b = number % v->blocks, chunk = number / v->blocks, width = v->vectors * LANES;
    const int64_t groups = least(v->block, v->groups - b * v->block), channels = v->block * v->each_out;
    const int64_t dy_row = ceil_div(k->bc, v->unit) * v->wide;
    T *x = (T *)scratch, *g = x + k->bn * k->span_h * v->deep, *sums = v->out + number * v->steps * width;
    memset(sums, 0, v->steps * width * sizeof(T));
    for (int64_t at = chunk * k->pieces / v->chunks; at < (chunk + 1) * k->pieces / v->chunks; at++) {
        const piece_box p = walk_piece(k, at);
        const int64_t span = (p.q - 1) * k->sh + k->hs[k->ni - 1] - k->hs[0] + 1;
        for (int64_t row = 0; row < p.n * span; row++)
            FN(spread_row)(v, &p, row / span, row % span, b * v->block, groups, x);
        for (int64_t row = 0; row < p.n * p.q; row++) {
            const int64_t first = ((p.n0 + row / p.q) * k->oh + p.q0 + row % p.q) * k->ow + p.r0;
            const T *from = v->dy + first * v->col + b * channels;
            T *to = g + row * dy_row;
            for (int64_t r = 0; r < p.r; r++)
                FN(copy_lanes)(to + r * channels, from + r * v->col, groups * v->each_out);
            memset(to + p.r * channels, 0, (dy_row - p.r * channels) * sizeof(T));
        }
        memset(g + p.n * p.q * dy_row, 0, LANES * sizeof(T)); /* the last vector may run over */
        for (int64_t l = 0; l < width; l += LANES)
            for (int64_t t = 0; t < v->steps; t += MOST_STEPS) {
                const int64_t *offset = v->offset + t, units = ceil_div(p.r, v->unit);
#define STEPS(count)                                                                                                   \
    case count: FN(group_sums)(count, v, &p, x + l, offset, g + l, units, dy_row, sums + t * width + l); break
                switch (least(MOST_STEPS, v->steps - t)) {
                    STEPS(1);
                    STEPS(2);
                    STEPS(3);
                    STEPS(4);
                    STEPS(5);
                    STEPS(6);
                    STEPS(7);
                    STEPS(8);
                    STEPS(9);
                }
#undef STEPS
            }
    }
}

/* One step of the filters' gradient from the sums of all chunks and of all pixels of a unit. */
static void FN(group_gather)(const void *job, int64_t t, char *scratch)
{
    const FN(grouped) *v = job;
    (void)scratch;
    const int64_t width = v->vectors * LANES, channels = v->block * v->each_out, all = v->groups * v->each_out;
    for (int64_t b = 0; b < v->blocks; b++)
        for (int64_t o = 0; o < least(channels, all - b * channels); o++) {
            T sum = 0;
            for (int64_t chunk = 0; chunk < v->chunks; chunk++)
                for (int64_t m = 0; m < v->unit; m++)
                    sum += v->out[((chunk * v->blocks + b) * v->steps + t) * width + m * channels + o];
            v->dw[t * all + b * channels + o] = sum;
        }
}

/* `v` has x and dy. */
static int FN(group_dw)(FN(grouped) * v, const conv_shape *s, walk *k)
{
    v->groups = s->groups, v->each_in = s->c / s->groups, v->each_out = s->o / s->groups, v->col = s->o;
    FN(group_plan)(v, k, 0);
    v->chunks = least(16, k->pieces);
    const int64_t sums = v->chunks * v->blocks * v->steps * v->vectors * LANES;
    const int64_t dy = k->bn * k->br * ceil_div(k->bc, v->unit) * v->wide + LANES;
    lease l;
    if (pool_open(&l, sums * sizeof(T) + v->steps * sizeof(int64_t), (k->bn * k->span_h * v->deep + dy) * sizeof(T),
                  FN(group_work)(v, k)))
        return -1;
    v->out = (T *)l.shared, v->offset = (int64_t *)(v->out + sums);
    FN(group_offsets)(v);
    pool_run(&l, FN(group_dw_piece), v, v->blocks * v->chunks);
    pool_run(&l, FN(group_gather), v, v->steps);
    pool_close(&l);
    return 0;
}

/* The register tile: R output pixels by V vectors of output channels, all kept in registers while taps and input
 * channels go by.  Everything heavy is this one loop: forward, both gradients, and matrix products. */

#define LANES ((int64_t)(VEC_BYTES / sizeof(T)))
#define VEC FN(vec)
#define IVEC FN(ivec)
typedef T VEC __attribute__((vector_size(VEC_BYTES), aligned(sizeof(T)), may_alias));
typedef INT IVEC __attribute__((vector_size(VEC_BYTES), aligned(sizeof(T)), may_alias));

#define WIDEST (MANY_REGISTERS ? 4 : 2) /* vectors in the widest tile */

enum { FN(RESUME) = 1, FN(RELU) = 2 };

INLINE VEC FN(load)(const T *p) { return *(const VEC *)p; }
INLINE void FN(store)(T *p, VEC v) { *(VEC *)p = v; }
INLINE VEC FN(relu_vec)(VEC v) { return (VEC)((IVEC)v & ~(IVEC)(v < 0)); }

#define TILE_ARGS                                                                                                      \
    const T *x, const int64_t *xo, int64_t xs, const segment *seg, int64_t nseg, const T *w, int64_t ldw, T *y,        \
        const int64_t *yo, const T *start, int flags
typedef void (*FN(tile_fn))(TILE_ARGS);

/* U steps: load V vectors of w for each, then broadcast and multiply for R pixels. */
INLINE void FN(steps)(const int R, const int V, const int U, VEC acc[14][4], const T *const p[14], int64_t i,
                      int64_t xs, const T *w, int64_t ldw)
{
    VEC b[2][4];
    UNROLL for (int u = 0; u < U; u++)
    {
        UNROLL for (int v = 0; v < V; v++) b[u][v] = FN(load)(w + u * ldw + v * LANES);
    }
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int u = 0; u < U; u++)
        {
            UNROLL for (int v = 0; v < V; v++) acc[r][v] += p[r][i + u * xs] * b[u][v];
        }
    }
}

/* y[r] (+)= sum over steps k of x[xo[r] + k] * w[k]; starts from y (RESUME) or from `start`, the bias. */
INLINE void FN(tile)(const int R, const int V, TILE_ARGS)
{
    VEC acc[14][4];
    const T *p[14];
    UNROLL for (int r = 0; r < R; r++)
    {
        p[r] = x + xo[r];
        UNROLL for (int v = 0; v < V; v++) acc[r][v] = FN(load)((flags & FN(RESUME) ? y + yo[r] : start) + v * LANES);
    }
    const int U = V < 4 && MANY_REGISTERS ? 2 : 1; /* steps side by side, where registers are left */
    for (int64_t s = 0; s < nseg; s++) {
        int64_t i = seg[s].x, left = seg[s].len;
        for (; left >= U; left -= U, i += U * xs, w += U * ldw) FN(steps)(R, V, U, acc, p, i, xs, w, ldw);
        if (U > 1 && left) FN(steps)(R, V, 1, acc, p, i, xs, w, ldw), w += ldw;
    }
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int v = 0; v < V; v++)
            FN(store)(y + yo[r] + v * LANES, flags & FN(RELU) ? FN(relu_vec)(acc[r][v]) : acc[r][v]);
    }
}

/* clang-format off */
#define TILE(R, V)                                                                                                     \
    static void FN(tile_##R##_##V)(TILE_ARGS)                                                                          \
    {                                                                                                                  \
        FN(tile)(R, V, x, xo, xs, seg, nseg, w, ldw, y, yo, start, flags);                                             \
    }
#if MANY_REGISTERS
TILE(1, 4) TILE(2, 4) TILE(3, 4) TILE(4, 4) TILE(5, 4) TILE(6, 4)
TILE(2, 2) TILE(4, 2) TILE(6, 2) TILE(8, 2) TILE(10, 2) TILE(12, 2)
TILE(2, 1) TILE(4, 1) TILE(6, 1) TILE(8, 1) TILE(10, 1) TILE(12, 1) TILE(14, 1)
#define T_(R, V) FN(tile_##R##_##V)
static const FN(tile_fn) FN(tiles_4)[] = {T_(1, 4), T_(2, 4), T_(3, 4), T_(4, 4), T_(5, 4), T_(6, 4)};
static const FN(tile_fn) FN(tiles_2)[] = {T_(2, 2), T_(4, 2), T_(6, 2), T_(8, 2), T_(10, 2), T_(12, 2)};
static const FN(tile_fn) FN(tiles_1)[] = {T_(2, 1), T_(4, 1), T_(6, 1), T_(8, 1), T_(10, 1), T_(12, 1), T_(14, 1)};
#else
TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2) TILE(5, 2) TILE(6, 2)
TILE(2, 1) TILE(4, 1) TILE(6, 1) TILE(8, 1) TILE(10, 1) TILE(12, 1)
#define T_(R, V) FN(tile_##R##_##V)
static const FN(tile_fn) FN(tiles_2)[] = {T_(1, 2), T_(2, 2), T_(3, 2), T_(4, 2), T_(5, 2), T_(6, 2)};
static const FN(tile_fn) FN(tiles_1)[] = {T_(2, 1), T_(4, 1), T_(6, 1), T_(8, 1), T_(10, 1), T_(12, 1)};
#endif
#undef T_
/* clang-format on */
#undef TILE

/* Tiles of V vectors: how many pixels the tallest has, and the tile for `rows` of them (rounded up by `step`). */
typedef struct {
    int vectors, tallest, step;
    const FN(tile_fn) * tiles;
} FN(tile_set);

#define SET(V, tallest, step) {V, tallest, step, FN(tiles_##V)}
static const FN(tile_set) FN(sets)[] = {
#if MANY_REGISTERS
    SET(4, 6, 1), SET(2, 12, 2), SET(1, 14, 2)
#else
    SET(2, 6, 1), SET(1, 12, 2)
#endif
};
#undef SET

/* The tiles for output channels from `at` on. */
static const FN(tile_set) * FN(tiles_for)(int64_t channels, int64_t at)
{
    const FN(tile_set) *s = FN(sets);
    while (s->vectors > 1 && s->vectors * LANES >= channels - at + LANES) s++;
    return s;
}

static int64_t FN(padded)(int64_t channels) { return ceil_div(channels, LANES) * LANES; }

/* Copy n < 4 vectors' worth of elements. */
INLINE void FN(copy_lanes)(T *to, const T *from, int64_t n)
{
    for (; n >= LANES; n -= LANES, to += LANES, from += LANES) FN(store)(to, FN(load)(from));
    UNROLL for (int64_t part = LANES / 2; part; part /= 2)
    {
        if (n & part) memcpy(to, from, part * sizeof(T)), to += part, from += part;
    }
}

/* Lanes from p on, of which `n` count; reads whole vectors wherever they lie within the array, which ends at `end`. */
INLINE VEC FN(load_some)(const T *p, int64_t n, const T *end)
{
    if (n >= LANES || end - p >= LANES) return FN(load)(p);
    T lanes[VEC_BYTES / sizeof(T)] __attribute__((aligned(VEC_BYTES))) = {0};
    FN(copy_lanes)(lanes, p, n);
    return FN(load)(lanes);
}

INLINE void FN(store_some)(T *p, VEC v, int64_t n)
{
    if (n >= LANES) {
        FN(store)(p, v);
        return;
    }
    T lanes[VEC_BYTES / sizeof(T)] __attribute__((aligned(VEC_BYTES)));
    FN(store)(lanes, v);
    FN(copy_lanes)(p, lanes, n);
}

/* A matrix product whose left operand is gathered: for each pixel p and output channel o
 *     y[yo[p] + o] (+)= sum over segments and steps k of x[xo[p] + k] * w[k][o].
 * w is packed: for each block of output channels, all its rows, each `vectors` vectors long. */
typedef struct {
    const segment *seg;
    int64_t nseg, rows, xs, channels;
    const T *w, *start;
    int flags;
    int64_t ld; /* not packed: rows of w are this far apart */
} FN(product);

#define ROWS_IN_CACHE 384 /* rows of w between two visits of y; they come from the second-level cache */

static void FN(sweep_block)(const FN(product) * m, const FN(tile_set) * set, int64_t at, const segment *seg,
                            int64_t nseg, const T *w, const T *x, const int64_t *xo, T *y, const int64_t *yo,
                            int64_t pixels, int flags)
{
    enum { tallest = 14, widest = 4 * VEC_BYTES / sizeof(T) };
    T spill[tallest * widest] __attribute__((aligned(64)));
    const int64_t width = set->vectors * LANES, ldw = m->ld ? m->ld : width, valid = least(width, m->channels - at);
    for (int64_t p = 0; p < pixels;) {
        int64_t left = pixels - p, rows = left;
        if (left > set->tallest) rows = left >= 2 * set->tallest ? set->tallest : ceil_div(left, 2);
        const int64_t taller = ceil_div(rows, set->step) * set->step, *xr = xo + p, *yr = yo + p;
        int64_t xs[tallest], ys[tallest];
        if (taller > rows) { /* the last row twice */
            for (int64_t r = 0; r < taller; r++) xs[r] = xr[least(r, rows - 1)], ys[r] = yr[least(r, rows - 1)];
            xr = xs, yr = ys;
        }
        FN(tile_fn) tile = set->tiles[taller / set->step - 1];
        if (valid == width) {
            tile(x, xr, m->xs, seg, nseg, w, ldw, y + at, yr, m->start + at, flags);
        } else {
            int64_t sr[tallest];
            for (int64_t r = 0; r < taller; r++) {
                sr[r] = r * width;
                if (flags & FN(RESUME)) FN(copy_lanes)(spill + sr[r], y + at + yr[r], valid);
            }
            tile(x, xr, m->xs, seg, nseg, w, ldw, spill, sr, m->start + at, flags);
            for (int64_t r = 0; r < rows; r++) FN(copy_lanes)(y + at + yr[r], spill + sr[r], valid);
        }
        p += rows;
    }
}

/* Output channels from `at` to `stop`, both on block borders; pixels stay in the inner loop, a block of w in cache. */
static void FN(sweep)(const FN(product) * m, int64_t at, int64_t stop, const T *x, const int64_t *xo, T *y,
                      const int64_t *yo, int64_t pixels)
{
    while (at < stop) {
        const FN(tile_set) *set = FN(tiles_for)(m->channels, at);
        const T *w = m->w + (m->ld ? at : m->rows * at);
        int64_t s = 0;
        do {
            int64_t first = s, rows = 0;
            while (s < m->nseg && (rows == 0 || rows + m->seg[s].len <= ROWS_IN_CACHE)) rows += m->seg[s++].len;
            int flags = (first ? FN(RESUME) : m->flags & FN(RESUME)) | (s == m->nseg ? m->flags & FN(RELU) : 0);
            FN(sweep_block)(m, set, at, m->seg + first, s - first, w, x, xo, y, yo, pixels, flags);
            w += rows * (m->ld ? m->ld : set->vectors * LANES);
        } while (s < m->nseg);
        at += set->vectors * LANES;
    }
}

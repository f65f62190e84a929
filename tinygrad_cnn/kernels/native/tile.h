/* The register tile: R output pixels by V vectors of output channels, all kept in registers while taps and input
 * channels go by.  Everything heavy is this one loop: forward, both gradients, and matrix products. */

#define LANES ((int64_t)(VEC_BYTES / sizeof(T)))
#define VEC FN(vec)
#define IVEC FN(ivec)
typedef T VEC __attribute__((vector_size(VEC_BYTES), aligned(sizeof(T)), may_alias));
typedef INT IVEC __attribute__((vector_size(VEC_BYTES), aligned(sizeof(T)), may_alias));

#define WIDEST (MANY_REGISTERS ? 4 : 2) /* vectors in the widest tile */
#define HALVES (VEC_BYTES == 64)        /* are there tiles with half a vector? */
#define HALF FN(half)
typedef T HALF __attribute__((vector_size(VEC_BYTES / 2), aligned(sizeof(T)), may_alias));
typedef INT FN(ihalf) __attribute__((vector_size(VEC_BYTES / 2), aligned(sizeof(T)), may_alias));

enum { FN(RESUME) = 1, FN(RELU) = 2 };

INLINE VEC FN(load)(const T *p) { return *(const VEC *)p; }
INLINE void FN(store)(T *p, VEC v) { *(VEC *)p = v; }
INLINE VEC FN(relu_vec)(VEC v) { return (VEC)((IVEC)v & ~(IVEC)(v < 0)); }
INLINE HALF FN(relu_half)(HALF v) { return (HALF)((FN(ihalf))v & ~(FN(ihalf))(v < 0)); }

#define TILE_ARGS                                                                                                      \
    const T *x, const int64_t *xo, int64_t xs, const segment *seg, int64_t nseg, const T *w, int64_t ldw, T *y,        \
        const int64_t *yo, const T *start, int flags
typedef void (*FN(tile_fn))(TILE_ARGS);

/* U steps: load V vectors of w for each, and H halves, then broadcast and multiply for R pixels. */
INLINE void FN(steps)(const int R, const int V, const int H, const int U, VEC acc[14][4], HALF rest[14],
                      const T *const p[14], int64_t i, int64_t xs, const T *w, int64_t ldw)
{
    VEC b[2][4];
    HALF c[2];
    UNROLL for (int u = 0; u < U; u++)
    {
        UNROLL for (int v = 0; v < V; v++) b[u][v] = FN(load)(w + u * ldw + v * LANES);
        if (H) c[u] = *(const HALF *)(w + u * ldw + V * LANES);
    }
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int u = 0; u < U; u++)
        {
            UNROLL for (int v = 0; v < V; v++) acc[r][v] += p[r][i + u * xs] * b[u][v];
            if (H) rest[r] += p[r][i + u * xs] * c[u];
        }
    }
}

/* y[r] (+)= sum over steps k of x[xo[r] + k] * w[k]; starts from y (RESUME) or from `start`, the bias. */
INLINE void FN(tile)(const int R, const int V, const int H, TILE_ARGS)
{
    VEC acc[14][4];
    HALF rest[14];
    const T *p[14];
    UNROLL for (int r = 0; r < R; r++)
    {
        const T *from = flags & FN(RESUME) ? y + yo[r] : start;
        p[r] = x + xo[r];
        UNROLL for (int v = 0; v < V; v++) acc[r][v] = FN(load)(from + v * LANES);
        if (H) rest[r] = *(const HALF *)(from + V * LANES);
    }
    const int U = V + H < 4 && MANY_REGISTERS ? 2 : 1; /* steps side by side, where registers are left */
    for (int64_t s = 0; s < nseg; s++) {
        int64_t i = seg[s].x, left = seg[s].len;
        for (; left >= U; left -= U, i += U * xs, w += U * ldw) FN(steps)(R, V, H, U, acc, rest, p, i, xs, w, ldw);
        if (U > 1 && left) FN(steps)(R, V, H, 1, acc, rest, p, i, xs, w, ldw), w += ldw;
    }
    UNROLL for (int r = 0; r < R; r++)
    {
        T *to = y + yo[r];
        UNROLL for (int v = 0; v < V; v++)
            FN(store)(to + v * LANES, flags & FN(RELU) ? FN(relu_vec)(acc[r][v]) : acc[r][v]);
        if (H) *(HALF *)(to + V * LANES) = flags & FN(RELU) ? FN(relu_half)(rest[r]) : rest[r];
    }
}

/* clang-format off */
#define TILE(R, V, H)                                                                                                  \
    static void FN(tile_##R##_##V##_##H)(TILE_ARGS)                                                                    \
    {                                                                                                                  \
        FN(tile)(R, V, H, x, xo, xs, seg, nseg, w, ldw, y, yo, start, flags);                                          \
    }
#define T_(R, V, H) FN(tile_##R##_##V##_##H)
/* Tiles of V vectors and H halves, for each number of pixels. */
#define SIX(V, H)                                                                                                      \
    TILE(1, V, H) TILE(2, V, H) TILE(3, V, H) TILE(4, V, H) TILE(5, V, H) TILE(6, V, H)                                \
    static const FN(tile_fn) FN(tiles_##V##_##H)[] = {T_(1, V, H), T_(2, V, H), T_(3, V, H),                           \
                                                      T_(4, V, H), T_(5, V, H), T_(6, V, H)};
#define EIGHT(V, H)                                                                                                    \
    TILE(2, V, H) TILE(4, V, H) TILE(6, V, H) TILE(8, V, H)                                                            \
    static const FN(tile_fn) FN(tiles_##V##_##H)[] = {T_(2, V, H), T_(4, V, H), T_(6, V, H), T_(8, V, H)};
#define TWELVE(V, H)                                                                                                   \
    TILE(2, V, H) TILE(4, V, H) TILE(6, V, H) TILE(8, V, H) TILE(10, V, H) TILE(12, V, H)                              \
    static const FN(tile_fn) FN(tiles_##V##_##H)[] = {T_(2, V, H), T_(4, V, H), T_(6, V, H),                           \
                                                      T_(8, V, H), T_(10, V, H), T_(12, V, H)};
#define FOURTEEN(V, H)                                                                                                 \
    TILE(2, V, H) TILE(4, V, H) TILE(6, V, H) TILE(8, V, H) TILE(10, V, H) TILE(12, V, H) TILE(14, V, H)               \
    static const FN(tile_fn) FN(tiles_##V##_##H)[] = {T_(2, V, H),  T_(4, V, H),  T_(6, V, H), T_(8, V, H),            \
                                                      T_(10, V, H), T_(12, V, H), T_(14, V, H)};
#if MANY_REGISTERS
SIX(4, 0) EIGHT(3, 0) TWELVE(2, 0) FOURTEEN(1, 0)
#else
SIX(2, 0) TWELVE(1, 0)
#endif
#if HALVES
SIX(3, 1) EIGHT(2, 1) TWELVE(1, 1) FOURTEEN(0, 1)
#endif
#undef SIX
#undef EIGHT
#undef TWELVE
#undef FOURTEEN
#undef T_
#undef TILE

/* Tiles of `width` output channels: how many pixels the tallest has, and the tile for `rows` of them (rounded up by
 * `step`). */
typedef struct {
    int64_t width;
    int tallest, step;
    const FN(tile_fn) * tiles;
} FN(tile_set);

#define SET(V, H, tallest, step) {V * LANES + H * LANES / 2, tallest, step, FN(tiles_##V##_##H)}
static const FN(tile_set) FN(sets)[] = { /* by width */
#if HALVES
    SET(0, 1, 14, 2), SET(1, 0, 14, 2), SET(1, 1, 12, 2), SET(2, 0, 12, 2),
    SET(2, 1, 8, 2), SET(3, 0, 8, 2), SET(3, 1, 6, 1), SET(4, 0, 6, 1)
#elif MANY_REGISTERS
    SET(1, 0, 14, 2), SET(2, 0, 12, 2), SET(3, 0, 8, 2), SET(4, 0, 6, 1)
#else
    SET(1, 0, 12, 2), SET(2, 0, 6, 1)
#endif
};
#undef SET
/* clang-format on */

/* The tiles for output channels from `at` on: wide enough for all, or the widest. */
static const FN(tile_set) * FN(tiles_for)(int64_t channels, int64_t at)
{
    const FN(tile_set) *s = FN(sets);
    while (s->width < channels - at && s->width < WIDEST * LANES) s++;
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
    int64_t ld;   /* not packed: rows of w are this far apart */
    int64_t skip; /* rows of w before the first that is used */
} FN(product);

#define ROWS_IN_CACHE 384 /* rows of w between two visits of y; they come from the second-level cache */

static void FN(sweep_block)(const FN(product) * m, const FN(tile_set) * set, int64_t at, const segment *seg,
                            int64_t nseg, const T *w, const T *x, const int64_t *xo, T *y, const int64_t *yo,
                            int64_t pixels, int flags)
{
    enum { tallest = 14, widest = 4 * VEC_BYTES / sizeof(T) };
    T spill[tallest * widest] __attribute__((aligned(64)));
    const int64_t width = set->width, ldw = m->ld ? m->ld : width, valid = least(width, m->channels - at);
    /* Where pixels follow each other, what a tile stores beyond the last channel is written again by the next pixel. */
    const int tight = at == 0 && m->channels <= width && !(flags & FN(RESUME)) &&
                      yo[pixels - 1] - yo[0] == (pixels - 1) * m->channels;
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
        if (valid == width || (tight && (left - rows) * valid >= width - valid)) {
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
        const T *w = m->w + (m->ld ? at + m->skip * m->ld : m->rows * at + m->skip * set->width);
        int64_t s = 0;
        do {
            int64_t first = s, rows = 0;
            while (s < m->nseg && (rows == 0 || rows + m->seg[s].len <= ROWS_IN_CACHE)) rows += m->seg[s++].len;
            int flags = (first ? FN(RESUME) : m->flags & FN(RESUME)) | (s == m->nseg ? m->flags & FN(RELU) : 0);
            FN(sweep_block)(m, set, at, m->seg + first, s - first, w, x, xo, y, yo, pixels, flags);
            w += rows * (m->ld ? m->ld : set->width);
        } while (s < m->nseg);
        at += set->width;
    }
}

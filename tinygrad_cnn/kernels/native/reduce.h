/* Sums, maxima and minima over neighbouring axes: x is (outer, m, c), and m goes.  Columns are taken in tiles and m in
 * chunks, which depend on the shape alone.  A tile's chunk is summed in single precision for FLUSH rows at a time; what
 * those give is added in double precision, and so are chunks, in order. */

#define TILE_OF_COLUMNS 4096
#define FLUSH 256
#define ROW_FLUSH 4096

typedef struct {
    int what;
    int64_t outer, m, c, width, tiles, chunk, chunks, units, together; /* a unit is a tile's chunk */
    const T *x;
    T *out;
    double *parts; /* (outer, chunks, c) where there are several chunks */
    IVEC fresh;
} FN(reduction);

INLINE T FN(joined)(const int what, T a, T b)
{
    if (what == SUMS) return a + b;
    return ((what == MAXIMA ? b > a : b < a) | (b != b)) ? b : a; /* a NaN wins */
}

INLINE VEC FN(joined_vec)(const int what, VEC a, VEC b)
{
    if (what == SUMS) return a + b;
    return FN(pick)((what == MAXIMA ? b > a : b < a) | (b != b), b, a);
}

/* Rows of c numbers joined into part, which holds one already. */
INLINE void FN(join_rows)(const int what, const T *x, int64_t rows, int64_t stride, int64_t width, T *part)
{
    for (int64_t r = 0; r < rows; r++, x += stride) {
        int64_t j = 0;
        for (; j + LANES <= width; j += LANES)
            FN(store)(part + j, FN(joined_vec)(what, FN(load)(part + j), FN(load)(x + j)));
        for (; j < width; j++) part[j] = FN(joined)(what, part[j], x[j]);
    }
}

/* The largest or smallest lane; any NaN is told by `odd`, whose lanes are then not 0 */
INLINE T FN(extreme_lane)(const int what, VEC v, IVEC odd)
{
    T pair[2] = {v[0], v[1]};
    INT any = 0;
    UNROLL for (int i = 0; i < LANES; i++) any |= odd[i];
    if (any) return (T)NAN;
    UNROLL for (int i = 2; i < LANES; i++)
        if (what == MAXIMA) pair[i & 1] = v[i] > pair[i & 1] ? v[i] : pair[i & 1];
        else pair[i & 1] = v[i] < pair[i & 1] ? v[i] : pair[i & 1];
    return FN(joined)(what, pair[0], pair[1]);
}

INLINE VEC FN(further)(const int what, VEC a, VEC b) { return FN(pick)(what == MAXIMA ? b > a : b < a, b, a); }

/* Numbers of one run, at least one; `fresh` as in rows.h */
INLINE T FN(join_run)(const int what, const T *x, int64_t n, IVEC fresh)
{
    if (n < LANES) {
        T found = x[0];
        for (int64_t i = 1; i < n; i++) found = FN(joined)(what, found, x[i]);
        return found;
    }
    if (what == SUMS) return FN(sum_row)(x, n, fresh, 0, 0);
    VEC all[2] = {FN(load)(x), FN(load)(x + n - LANES)};
    IVEC odd = (all[0] != all[0]) | (all[1] != all[1]);
    for (int64_t i = LANES; i + LANES < n; i += LANES) {
        const VEC v = FN(load)(x + i);
        all[0] = FN(further)(what, all[0], v), odd |= v != v;
        if ((i += LANES) + LANES >= n) break;
        const VEC w = FN(load)(x + i);
        all[1] = FN(further)(what, all[1], w), odd |= w != w;
    }
    return FN(extreme_lane)(what, FN(further)(what, all[0], all[1]), odd);
}

INLINE double FN(join_double)(const int what, double a, double b)
{
    if (what == SUMS) return a + b;
    return (what == MAXIMA ? b > a : b < a) || b != b ? b : a;
}

INLINE void FN(reduce_unit)(const int what, const FN(reduction) * v, int64_t unit, char *scratch)
{
    const int64_t tile = unit % v->tiles, chunk = unit / v->tiles % v->chunks, o = unit / v->tiles / v->chunks;
    const int64_t c0 = tile * v->width, width = least(v->width, v->c - c0);
    const int64_t from = chunk * v->chunk, upto = least(v->m, from + v->chunk);
    const T *x = v->x + (o * v->m + from) * v->c + c0;
    double *total = (double *)scratch, *parts = v->parts + (o * v->chunks + chunk) * v->c + c0;
    T *part = (T *)(total + v->width), *out = v->out + o * v->c + c0;
    if (v->c == 1) {
        double all = 0;
        for (int64_t r = from; r < upto; r += ROW_FLUSH, x += ROW_FLUSH) {
            const double found = FN(join_run)(what, x, least(ROW_FLUSH, upto - r), v->fresh);
            all = r == from ? found : FN(join_double)(what, all, found);
        }
        if (v->chunks == 1) *out = (T)all;
        else *parts = all;
        return;
    }
    for (int64_t r = from; r < upto; r += FLUSH, x += FLUSH * v->c) {
        memcpy(part, x, width * sizeof(T));
        FN(join_rows)(what, x + v->c, least(FLUSH, upto - r) - 1, v->c, width, part);
        for (int64_t j = 0; j < width; j++) total[j] = r == from ? part[j] : FN(join_double)(what, total[j], part[j]);
    }
    if (v->chunks == 1)
        for (int64_t j = 0; j < width; j++) out[j] = (T)total[j];
    else memcpy(parts, total, width * sizeof(double));
}

static void FN(reduce_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(reduction) own = *(const FN(reduction) *)job, *v = &own; /* a copy, which no store can alias */
    const int64_t upto = least(v->units, (piece + 1) * v->together);
    for (int64_t unit = piece * v->together; unit < upto; unit++) switch (v->what) {
        case SUMS: FN(reduce_unit)(SUMS, v, unit, scratch); break;
        case MAXIMA: FN(reduce_unit)(MAXIMA, v, unit, scratch); break;
        default: FN(reduce_unit)(MINIMA, v, unit, scratch);
        }
}

static int FN(reduce)(int what, int64_t outer, int64_t m, int64_t c, const void *x, void *out)
{
    FN(reduction) v = {.what = what, .outer = outer, .m = m, .c = c, .x = x, .out = out};
    v.fresh = FN(fresh_lanes)(m); /* chunks are whole vectors, but for the last */
    v.width = least(c, TILE_OF_COLUMNS), v.tiles = ceil_div(c, v.width);
    v.chunk = most(ceil_div(EACH, v.width), ceil_div(ceil_div(m, 64), FLUSH) * FLUSH), v.chunks = ceil_div(m, v.chunk);
    v.units = outer * v.chunks * v.tiles, v.together = most(1, EACH / (least(m, v.chunk) * v.width));
    const size_t parts = v.chunks > 1 ? outer * v.chunks * c * sizeof(double) : 0;
    lease l;
    if (pool_open(&l, parts, v.width * (sizeof(double) + sizeof(T)), (double)outer * m * c * 2)) return -1;
    v.parts = (double *)l.shared;
    pool_run(&l, FN(reduce_piece), &v, ceil_div(v.units, v.together));
    if (v.chunks > 1)
        for (int64_t o = 0; o < outer; o++)
            for (int64_t j = 0; j < c; j++) {
                const double *p = v.parts + o * v.chunks * c + j;
                double all = p[0];
                for (int64_t k = 1; k < v.chunks; k++) all = FN(join_double)(what, all, p[k * c]);
                v.out[o * c + j] = (T)all;
            }
    pool_close(&l);
    return 0;
}
#undef TILE_OF_COLUMNS
#undef FLUSH
#undef ROW_FLUSH

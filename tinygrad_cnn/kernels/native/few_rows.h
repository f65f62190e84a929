#define FEW_PIXELS 96 /* too few to pay for packing filters */

/* A product with few rows and a transposed right operand.
 * out = a b^T, worked out as the transpose of b a^T: b, which is large, is read in place, and a and out are transposed.
 */

typedef struct {
    const T *b;
    T *out;
    int64_t rows, columns, inner, block, *xo, *yo;
    FN(product) product;
} FN(few_rows);

static void FN(few_rows_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(few_rows) *v = job;
    const int64_t from = piece * v->block, count = least(v->block, v->columns - from), width = FN(padded)(v->rows);
    T *y = (T *)scratch;
    FN(sweep)(&v->product, 0, v->rows, v->b + from * v->inner, v->xo, y, v->yo, count);
    for (int64_t r = 0; r < v->rows; r++)
        for (int64_t c = 0; c < count; c++) v->out[r * v->columns + from + c] = y[c * width + r];
}

/* a (rows, inner), b (columns, inner), out (rows, columns) */
static int FN(matmul_few_rows)(int64_t rows, int64_t inner, int64_t columns, const T *a, const T *b, T *out)
{
    const int64_t block = least(columns, 84), width = FN(padded)(rows);
    walk k = {.ni = 1, .nj = 1, .hs = &inner, .ws = &inner, .len = inner, .fused = 1};
    const int64_t nseg = tap_segments(&k, ROWS_IN_CACHE, NULL);
    FN(few_rows) v = {b, out, rows, columns, inner, block, NULL, NULL, {0}};
    const size_t panel = width * inner * sizeof(T), starts = (width * sizeof(T) + 63) / 64 * 64;
    lease l;
    if (pool_open(&l, panel + starts + 2 * block * sizeof(int64_t) + nseg * sizeof(segment), block * width * sizeof(T),
                  (double)rows * inner * columns))
        return -1;
    T *packed = (T *)l.shared, *start = memset(l.shared + panel, 0, starts);
    v.xo = (int64_t *)(l.shared + panel + starts), v.yo = v.xo + block;
    segment *seg = (segment *)(v.yo + block);
    tap_segments(&k, ROWS_IN_CACHE, seg);
    for (int64_t p = 0; p < block; p++) v.xo[p] = p * inner, v.yo[p] = p * width;
    for (int64_t at = 0, wide; at < rows; at += wide) {
        wide = FN(tiles_for)(width, at)->width;
        FN(transpose)(a + at * inner, inner, inner, least(wide, rows - at), wide, packed + at * inner);
    }
    v.product = (FN(product)){seg, nseg, inner, 1, width, packed, start, 0, 0};
    pool_run(&l, FN(few_rows_piece), &v, ceil_div(columns, block));
    pool_close(&l);
    return 0;
}

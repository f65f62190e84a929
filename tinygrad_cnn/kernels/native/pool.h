/* Pooling.  Forward passes go over output pixels, backward passes over input pixels and gather what each is owed, so
 * that every pixel is written once, by one thread, in an order that depends on the shapes alone.  Vectors run over
 * channels. */

typedef uint8_t FN(bytes) __attribute__((vector_size(VEC_BYTES / sizeof(T)), aligned(1), may_alias));
typedef int32_t FN(ints) __attribute__((vector_size(VEC_BYTES / sizeof(T) * 4), aligned(4), may_alias));

/* Numbers of taps, one or four bytes each. */
INLINE IVEC FN(load_taps)(const char *p, int wide, int64_t n)
{
    if (n >= LANES)
        return wide ? __builtin_convertvector(*(const FN(ints) *)p, IVEC)
                    : __builtin_convertvector(*(const FN(bytes) *)p, IVEC);
    IVEC v = {0};
    for (int64_t i = 0; i < n; i++) v[i] = wide ? ((const int32_t *)p)[i] : ((const uint8_t *)p)[i];
    return v;
}

INLINE void FN(store_taps)(char *p, int wide, IVEC v, int64_t n)
{
    if (n >= LANES) {
        if (wide) *(FN(ints) *)p = __builtin_convertvector(v, FN(ints));
        else *(FN(bytes) *)p = __builtin_convertvector(v, FN(bytes));
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        if (wide) ((int32_t *)p)[i] = (int32_t)v[i];
        else p[i] = (char)v[i];
    }
}

typedef struct {
    const conv_shape *s;
    const T *in, *counts; /* x or dy; what averages divide by */
    T *out;
    const char *tap;
    char *tap_out;
    int what, wide, apart;      /* apart: a backward pass over windows that do not overlap */
    int64_t rows, cols, across; /* a piece: rows, columns; pieces across one row */
} FN(pooling);

/* ---- over output pixels ---------------------------------------------------------------------------------------------
 */

/* One vector of channels of one output pixel whose window starts at pixel (h, w); taps i0..i1 x j0..j1 are inside. */
INLINE void FN(pool_pixel)(const FN(pooling) * v, const int what, const T *image, int64_t pixel, int64_t c, int64_t n,
                           int64_t h, int64_t w, int64_t i0, int64_t i1, int64_t j0, int64_t j1, T count)
{
    const conv_shape *s = v->s;
    const T *end = v->in + s->n * s->h * s->w * s->c;
    const int64_t at = pixel * s->c + c;
    const int64_t bytes = v->wide ? 4 : 1;
    VEC best = {0};
    IVEC tap = {0};
    if (what == TAKE_POOL) tap = FN(load_taps)(v->tap + at * bytes, v->wide, n);
    const int64_t step = s->dw * s->c, line = s->dh * s->w * s->c, taps = s->j;
    const T *row = image + ((h + i0 * s->dh) * s->w + w + j0 * s->dw) * s->c + c;
    IVEC number = (IVEC){0} + (INT)(i0 * taps + j0);
    if (what == MAX_POOL && i0 < i1 && j0 < j1) best = FN(load_some)(row, n, end), tap = number;
    for (int64_t i = i0; i < i1; i++, row += line) {
        const T *x = row;
        number = (IVEC){0} + (INT)(i * taps + j0);
        for (int64_t j = j0; j < j1; j++, x += step, number += 1) {
            const VEC a = FN(load_some)(x, n, end);
            if (what == MAX_POOL) {
                const IVEC wins = ~(IVEC)(a <= best) & (IVEC)(best == best); /* greater, or the first NaN */
                best = (VEC)(((IVEC)a & wins) | ((IVEC)best & ~wins));
                tap = (number & wins) | (tap & ~wins);
            } else if (what == TAKE_POOL) best = (VEC)((IVEC)best | ((IVEC)a & (IVEC)(tap == number)));
            else best += a;
        }
    }
    if (what == AVG_POOL) best /= count;
    if (what == MAX_POOL && (i0 >= i1 || j0 >= j1)) best -= INFINITY, tap += (INT)(s->i * s->j - 1); /* padding only */
    FN(store_some)(v->out + at, best, n);
    if (what == MAX_POOL) FN(store_taps)(v->tap_out + at * bytes, v->wide, tap, n);
}

INLINE void FN(pool_rows)(const FN(pooling) * v, const int what, int64_t piece)
{
    const conv_shape *s = v->s;
    const int64_t r0 = piece % v->across * v->cols, r1 = least(s->ow, r0 + v->cols);
    const int64_t q0 = piece / v->across * v->rows, q1 = least(s->n * s->oh, q0 + v->rows);
    for (int64_t row = q0; row < q1; row++) {
        const int64_t q = row % s->oh, h = q * s->sh - s->ph;
        const T *image = v->in + row / s->oh * s->h * s->w * s->c;
        int64_t i0, i1, j0, j1;
        inside(h, s->h, s->dh, s->i, &i0, &i1);
        for (int64_t r = r0; r < r1; r++) {
            const int64_t w = r * s->sw - s->pw;
            inside(w, s->w, s->dw, s->j, &j0, &j1);
            const T count = what == AVG_POOL ? v->counts[q * s->ow + r] : 1;
            int64_t c = 0;
            for (; c + LANES <= s->c; c += LANES)
                FN(pool_pixel)(v, what, image, row * s->ow + r, c, LANES, h, w, i0, i1, j0, j1, count);
            if (c < s->c) FN(pool_pixel)(v, what, image, row * s->ow + r, c, s->c - c, h, w, i0, i1, j0, j1, count);
        }
    }
}

/* ---- over input pixels ----------------------------------------------------------------------------------------------
 */

/* One vector of channels of one input pixel: the windows over it are rows x cols. */
INLINE void FN(put_pixel)(const FN(pooling) * v, const int what, int64_t in, int64_t out, int64_t c, int64_t n,
                          const owed *rows, int64_t rows_owed, const owed *cols, int64_t cols_owed)
{
    const conv_shape *s = v->s;
    const T *end = v->in + s->n * s->oh * s->ow * s->c;
    const int64_t bytes = v->wide ? 4 : 1;
    VEC sum = {0};
    for (int64_t a = 0; a < rows_owed; a++)
        for (int64_t b = 0; b < cols_owed; b++) {
            const int64_t pixel = rows[a].at * s->ow + cols[b].at, at = (in + pixel) * s->c + c;
            const VEC dy = FN(load_some)(v->in + at, n, end);
            if (what == MAX_PUT) {
                const IVEC tap = FN(load_taps)(v->tap + at * bytes, v->wide, n);
                sum += (VEC)((IVEC)dy & (IVEC)(tap == (INT)(rows[a].tap * s->j + cols[b].tap)));
            } else sum += dy / v->counts[pixel];
        }
    FN(store_some)(v->out + out + c, sum, n);
}

INLINE void FN(put_rows)(const FN(pooling) * v, const int what, int64_t piece, char *scratch)
{
    const conv_shape *s = v->s;
    const int64_t w0 = piece % v->across * v->cols, w1 = least(s->w, w0 + v->cols);
    const int64_t h0 = piece / v->across * v->rows, h1 = least(s->n * s->h, h0 + v->rows);
    owed *row_list = (owed *)scratch, *lists = row_list + s->i;
    int64_t rows_owed, *cols_owed = (int64_t *)(lists + v->cols * s->j);
    list_owed(w0, w1, s->pw, s->sw, s->dw, s->j, s->ow, s->j, lists, cols_owed);
    for (int64_t row = h0; row < h1; row++) {
        const int64_t h = row % s->h, n = row / s->h;
        list_owed(h, h + 1, s->ph, s->sh, s->dh, s->i, s->oh, s->i, row_list, &rows_owed);
        for (int64_t w = w0; w < w1; w++) {
            const owed *list = lists + (w - w0) * s->j;
            const int64_t out = (row * s->w + w) * s->c, in = n * s->oh * s->ow;
            int64_t c = 0;
            for (; c + LANES <= s->c; c += LANES)
                FN(put_pixel)(v, what, in, out, c, LANES, row_list, rows_owed, list, cols_owed[w - w0]);
            if (c < s->c) FN(put_pixel)(v, what, in, out, c, s->c - c, row_list, rows_owed, list, cols_owed[w - w0]);
        }
    }
}

/* One vector of channels of one window, which starts at element `corner` of dx; `at` is its place in dy. */
INLINE void FN(put_window)(const FN(pooling) * v, int64_t corner, int64_t at, int64_t c, int64_t n, int64_t i0,
                           int64_t i1, int64_t j0, int64_t j1)
{
    const conv_shape *s = v->s;
    const VEC dy = FN(load_some)(v->in + at, n, v->in + s->n * s->oh * s->ow * s->c);
    const IVEC tap = FN(load_taps)(v->tap + at * (v->wide ? 4 : 1), v->wide, n);
    for (int64_t i = i0; i < i1; i++)
        for (int64_t j = j0; j < j1; j++)
            FN(store_some)(v->out + corner + (i * s->w + j) * s->c + c,
                           (VEC)((IVEC)dy & (IVEC)(tap == (INT)(i * s->j + j))), n);
}

/* Windows that do not overlap: each dx pixel is one select, and pixels under no window are zeroed first. */
static void FN(put_apart)(const FN(pooling) * v, int64_t piece)
{
    const conv_shape *s = v->s;
    const int64_t line = s->w * s->c;
    const int covered =
        s->i == s->sh && s->j == s->sw && !s->ph && !s->pw && s->oh * s->sh == s->h && s->ow * s->sw == s->w;
    for (int64_t row = piece * v->rows; row < least(s->n * s->oh, (piece + 1) * v->rows); row++) {
        const int64_t q = row % s->oh, h = q * s->sh - s->ph;
        T *image = v->out + row / s->oh * s->h * line;
        const int64_t top = q ? most(h, 0) : 0, bottom = q == s->oh - 1 ? s->h : least(h + s->sh, s->h);
        if (!covered && top < bottom) memset(image + top * line, 0, (bottom - top) * line * sizeof(T));
        int64_t i0, i1, j0, j1;
        inside(h, s->h, 1, s->i, &i0, &i1);
        for (int64_t r = 0; r < s->ow; r++) {
            const int64_t w = r * s->sw - s->pw;
            inside(w, s->w, 1, s->j, &j0, &j1);
            const int64_t corner = row / s->oh * s->h * line + h * line + w * s->c;
            int64_t c = 0;
            for (; c + LANES <= s->c; c += LANES)
                FN(put_window)(v, corner, (row * s->ow + r) * s->c + c, c, LANES, i0, i1, j0, j1);
            if (c < s->c) FN(put_window)(v, corner, (row * s->ow + r) * s->c + c, c, s->c - c, i0, i1, j0, j1);
        }
    }
}

static void FN(pool_piece)(const void *job, int64_t piece, char *scratch)
{
    const FN(pooling) *v = job;
    switch (v->what) {
    case MAX_POOL: FN(pool_rows)(v, MAX_POOL, piece); break;
    case TAKE_POOL: FN(pool_rows)(v, TAKE_POOL, piece); break;
    case AVG_POOL: FN(pool_rows)(v, AVG_POOL, piece); break;
    case MAX_PUT:
        if (v->apart) FN(put_apart)(v, piece);
        else FN(put_rows)(v, MAX_PUT, piece, scratch);
        break;
    default: FN(put_rows)(v, AVG_PUT, piece, scratch);
    }
}

/* `in` is x forward and dy backward; `tap` is written by MAX_POOL and read by TAKE_POOL and MAX_PUT. */
static int FN(pool2d)(const conv_shape *s, int what, const void *in, const void *counts, void *tap, void *out)
{
    const int apart = what == MAX_PUT && s->dh == 1 && s->dw == 1 && s->sh >= s->i && s->sw >= s->j;
    const int64_t piece = 16384, forward = what < MAX_PUT || apart, width = forward ? s->ow : s->w,
                  height = s->n * (forward ? s->oh : s->h);
    FN(pooling) v = {s, in, counts, out, tap, tap, what, s->i * s->j > 256, apart};
    cut(width, apart ? width : most(1, piece / s->c), &v.cols, &v.across);
    int64_t down;
    cut(height, v.across > 1 ? 1 : most(1, piece / (width * s->c)), &v.rows, &down);
    const size_t lists = (s->i + v.cols * s->j) * sizeof(owed) + v.cols * sizeof(int64_t);
    lease l;
    if (pool_open(&l, 0, forward ? 0 : lists, (double)width * height * s->c * 4)) return -1;
    pool_run(&l, FN(pool_piece), &v, v.across * down);
    pool_close(&l);
    return 0;
}

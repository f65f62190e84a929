/* Pooling.  Forward passes go over output pixels, backward passes over rows of input pixels and add what each is owed,
 * so that every pixel is written by one thread, in an order that depends on the shapes alone.  Vectors run over
 * channels; the last one of a pixel may run over into the next pixel, which is written after it. */

typedef uint8_t FN(bytes) __attribute__((vector_size(VEC_BYTES / sizeof(T)), aligned(1), may_alias));
typedef uint16_t FN(shorts) __attribute__((vector_size(VEC_BYTES / sizeof(T) * 2), aligned(2), may_alias));
typedef int32_t FN(ints) __attribute__((vector_size(VEC_BYTES / sizeof(T) * 4), aligned(4), may_alias));

/* Step by step, from one width to its double or half: all at once, gcc would convert each lane for itself. */
INLINE IVEC FN(from_bytes)(FN(bytes) v)
{
    return __builtin_convertvector(__builtin_convertvector(__builtin_convertvector(v, FN(shorts)), FN(ints)), IVEC);
}

INLINE FN(bytes) FN(to_bytes)(IVEC v)
{
    const FN(ints) ints = __builtin_convertvector(v, FN(ints));
    return __builtin_convertvector(__builtin_convertvector(ints, FN(shorts)), FN(bytes));
}

/* Store n lanes; all of them where they lie before `end`, if what follows is going to be written later anyway. */
INLINE void FN(store_over)(T *p, VEC v, int64_t n, const T *end)
{
    if (n >= LANES || end - p >= LANES) FN(store)(p, v);
    else FN(store_some)(p, v, n);
}

/* Numbers of taps, one or four bytes each; `room` elements from p on may be read. */
INLINE IVEC FN(load_taps)(const char *p, int wide, int64_t n, int64_t room)
{
    if (n >= LANES || room >= LANES)
        return wide ? __builtin_convertvector(*(const FN(ints) *)p, IVEC)
                    : FN(from_bytes)(*(const FN(bytes) *)p);
    IVEC v = {0};
    for (int64_t i = 0; i < n; i++) v[i] = wide ? ((const int32_t *)p)[i] : ((const uint8_t *)p)[i];
    return v;
}

INLINE void FN(store_taps)(char *p, int wide, IVEC v, int64_t n, int64_t room)
{
    if (n >= LANES || room >= LANES) {
        if (wide) *(FN(ints) *)p = __builtin_convertvector(v, FN(ints));
        else *(FN(bytes) *)p = FN(to_bytes)(v);
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
                           int64_t h, int64_t w, int64_t i0, int64_t i1, int64_t j0, int64_t j1, T count, int64_t upto)
{
    const conv_shape *s = v->s;
    const T *end = v->in + s->n * s->h * s->w * s->c;
    const int64_t at = pixel * s->c + c, room = upto - at; /* what follows up to `upto` is written later */
    const int64_t bytes = v->wide ? 4 : 1;
    VEC best = {0};
    IVEC tap = {0};
    if (what == TAKE_POOL) tap = FN(load_taps)(v->tap + at * bytes, v->wide, n, room);
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
    FN(store_over)(v->out + at, best, n, v->out + upto);
    if (what == MAX_POOL) FN(store_taps)(v->tap_out + at * bytes, v->wide, tap, n, room);
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
        const int64_t upto = (v->across > 1 ? row * s->ow + r1 : q1 * s->ow) * s->c; /* the piece ends there */
        for (int64_t r = r0; r < r1; r++) {
            const int64_t w = r * s->sw - s->pw;
            inside(w, s->w, s->dw, s->j, &j0, &j1);
            const T count = what == AVG_POOL ? v->counts[q * s->ow + r] : 1;
            int64_t c = 0;
            for (; c + LANES <= s->c; c += LANES)
                FN(pool_pixel)(v, what, image, row * s->ow + r, c, LANES, h, w, i0, i1, j0, j1, count, upto);
            if (c < s->c)
                FN(pool_pixel)(v, what, image, row * s->ow + r, c, s->c - c, h, w, i0, i1, j0, j1, count, upto);
        }
    }
}

/* ---- over input pixels ----------------------------------------------------------------------------------------------
 */

/* What dy hands to the pixel under tap `number`: n lanes from element `at` of dy on. */
INLINE VEC FN(won)(const FN(pooling) * v, const int wide, int64_t at, int64_t n, INT number)
{
    const int64_t all = v->s->n * v->s->oh * v->s->ow * v->s->c;
    const VEC dy = FN(load_some)(v->in + at, n, v->in + all);
    return (VEC)((IVEC)dy & (IVEC)(FN(load_taps)(v->tap + at * (wide ? 4 : 1), wide, n, all - at) == number));
}

/* Add to one row of dx, from column w0 up to w1, what one tap (i,j) of one row of windows owes it. */
INLINE void FN(put_row)(const FN(pooling) * v, const int what, const int wide, int64_t windows, const T *counts,
                        int64_t i, int64_t j, T *dx, int64_t w0, int64_t w1)
{
    const conv_shape *s = v->s;
    const int64_t shift = j * s->dw - s->pw, first = most(0, ceil_div(most(0, w0 - shift), s->sw)),
                  last = w1 > shift ? least(s->ow, ceil_div(w1 - shift, s->sw)) : 0, all = s->n * s->oh * s->ow * s->c;
    const INT number = (INT)(i * s->j + j);
    IVEC inside_pixel = {0};
    UNROLL for (int l = 0; l < LANES; l++) inside_pixel[l] = l < s->c % LANES ? -1 : 0;
    for (int64_t r = first; r < last; r++) {
        T *to = dx + (r * s->sw + shift) * s->c;
        const int64_t at = (windows + r) * s->c;
        int64_t c = 0;
        for (; c + LANES <= s->c; c += LANES) {
            VEC g = FN(load)(v->in + at + c);
            if (what == MAX_PUT) g = FN(won)(v, wide, at + c, LANES, number);
            else g /= counts[r];
            FN(store)(to + c, FN(load)(to + c) + g);
        }
        if (c < s->c) { /* the row of dx has room behind it for a whole vector */
            VEC g = FN(load_some)(v->in + at + c, s->c - c, v->in + all);
            if (what == MAX_PUT) g = FN(won)(v, wide, at + c, s->c - c, number);
            else g /= counts[r];
            FN(store)(to + c, FN(load)(to + c) + (VEC)((IVEC)g & inside_pixel));
        }
    }
}

/* Rows of dx are summed in scratch memory, one window row and tap after the other. */
INLINE void FN(put_rows)(const FN(pooling) * v, const int what, const int wide, int64_t piece, char *scratch)
{
    const conv_shape *s = v->s;
    const int64_t w0 = piece % v->across * v->cols, w1 = least(s->w, w0 + v->cols), size = (w1 - w0) * s->c;
    const int64_t h0 = piece / v->across * v->rows, h1 = least(s->n * s->h, h0 + v->rows);
    T *sum = (T *)scratch;
    for (int64_t row = h0; row < h1; row++) {
        const int64_t h = row % s->h, n = row / s->h;
        memset(sum, 0, size * sizeof(T));
        for (int64_t i = 0; i < s->i; i++) {
            const int64_t top = h + s->ph - i * s->dh, q = top / s->sh;
            if (top < 0 || top % s->sh || q >= s->oh) continue;
            for (int64_t j = 0; j < s->j; j++)
                FN(put_row)(v, what, wide, (n * s->oh + q) * s->ow, v->counts ? v->counts + q * s->ow : NULL, i, j,
                            sum - w0 * s->c, w0, w1);
        }
        memcpy(v->out + (row * s->w + w0) * s->c, sum, size * sizeof(T));
    }
}

/* One vector of channels of the pixels of one window, whose first is at `to`: dy goes to one of them. */
INLINE void FN(put_window)(const FN(pooling) * v, const int wide, int64_t at, int64_t n, T *to, int64_t line,
                           int64_t i0, int64_t i1, int64_t j0, int64_t j1, int64_t room)
{
    const conv_shape *s = v->s;
    const int64_t all = s->n * s->oh * s->ow * s->c;
    const VEC dy = FN(load_some)(v->in + at, n, v->in + all);
    const IVEC tap = FN(load_taps)(v->tap + at * (wide ? 4 : 1), wide, n, all - at);
    for (int64_t i = i0; i < i1; i++, to += line)
        for (int64_t j = j0; j < j1; j++) {
            T *pixel = to + (j - j0) * s->c;
            const VEC won = (VEC)((IVEC)dy & (IVEC)(tap == (INT)(i * s->j + j)));
            FN(store_over)(pixel, won, n, pixel + room - (j - j0) * s->c);
        }
}

/* Windows that do not overlap: each dx pixel is one select.  Pixels under no window are zeroed first; if there are
 * none, the last vector of a pixel may run over into the next of its row, if nothing else was written there yet. */
INLINE void FN(put_apart)(const FN(pooling) * v, const int wide, int64_t piece)
{
    const conv_shape *s = v->s;
    const int64_t line = s->w * s->c, last = least(s->n * s->oh, (piece + 1) * v->rows);
    const int covered =
        s->i == s->sh && s->j == s->sw && !s->ph && !s->pw && s->oh * s->sh == s->h && s->ow * s->sw == s->w;
    for (int64_t row = piece * v->rows; row < last; row++) {
        const int64_t q = row % s->oh, h = q * s->sh - s->ph;
        T *image = v->out + row / s->oh * s->h * line;
        const int64_t top = q ? most(h, 0) : 0, bottom = q == s->oh - 1 ? s->h : least(h + s->sh, s->h);
        if (!covered && top < bottom) memset(image + top * line, 0, (bottom - top) * line * sizeof(T));
        int64_t i0, i1, j0, j1;
        inside(h, s->h, 1, s->i, &i0, &i1);
        for (int64_t r = 0; r < s->ow && i0 < i1; r++) {
            const int64_t w = r * s->sw - s->pw, at = (row * s->ow + r) * s->c;
            inside(w, s->w, 1, s->j, &j0, &j1);
            T *to = image + (h + i0) * line + (w + j0) * s->c;
            int64_t c = 0;
            for (; c + LANES <= s->c; c += LANES)
                FN(put_window)(v, wide, at + c, LANES, to + c, line, i0, i1, j0, j1, LANES);
            const int64_t room = covered && s->c < LANES ? line - (w + j0) * s->c : 0; /* up to the row's end */
            if (c < s->c) FN(put_window)(v, wide, at + c, s->c - c, to + c, line, i0, i1, j0, j1, room);
        }
    }
}

static void FN(pool_piece)(const void *job, int64_t piece, char *scratch)
{
    FN(pooling) own = *(const FN(pooling) *)job, *v = &own; /* a copy, which no store can alias */
    const conv_shape shape = *own.s;
    own.s = &shape;
    switch (v->what) {
    case MAX_POOL: FN(pool_rows)(v, MAX_POOL, piece); break;
    case TAKE_POOL: FN(pool_rows)(v, TAKE_POOL, piece); break;
    case AVG_POOL: FN(pool_rows)(v, AVG_POOL, piece); break;
    case MAX_PUT:
        if (v->apart && v->wide) FN(put_apart)(v, 1, piece);
        else if (v->apart) FN(put_apart)(v, 0, piece);
        else if (v->wide) FN(put_rows)(v, MAX_PUT, 1, piece, scratch);
        else FN(put_rows)(v, MAX_PUT, 0, piece, scratch);
        break;
    default: FN(put_rows)(v, AVG_PUT, 0, piece, scratch);
    }
}

/* `in` is x forward and dy backward; `tap` is written by MAX_POOL and read by TAKE_POOL and MAX_PUT. */
static int FN(pool2d)(const conv_shape *s, int what, const void *in, const void *counts, void *tap, void *out)
{
    const int apart = what == MAX_PUT && s->dh == 1 && s->dw == 1 && s->sh >= s->i && s->sw >= s->j;
    const int64_t piece = 16384, forward = what < MAX_PUT || apart, width = forward ? s->ow : s->w,
                  height = s->n * (forward ? s->oh : s->h);
    FN(pooling) v = {s, in, counts, out, tap, tap, what, wide_taps(s), apart};
    cut(width, apart ? width : most(1, piece / s->c), &v.cols, &v.across);
    int64_t down;
    cut(height, v.across > 1 ? 1 : most(1, piece / (width * s->c)), &v.rows, &down);
    const size_t sums = (v.cols * s->c + LANES) * sizeof(T);
    lease l;
    if (pool_open(&l, 0, forward ? 0 : sums, (double)width * height * s->c * 4)) return -1;
    pool_run(&l, FN(pool_piece), &v, v.across * down);
    pool_close(&l);
    return 0;
}

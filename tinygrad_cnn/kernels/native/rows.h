/* Functions of rows: softmax and layer norm with their gradients.  A row is read from memory once; what more a function
 * does with it finds it in the first-level cache.
 *
 * A row whose length n is no multiple of a vector ends with a vector that reaches back into the one before it: `fresh`
 * marks its lanes that are new.  A row shorter than a vector is copied to a buffer of one; there `fresh` marks its n
 * numbers. */

typedef struct {
    int what;
    int64_t rows, n, block;
    const T *in[5];
    T *out[3];
    double k;
    IVEC fresh;
} FN(rows_job);

/* Run the statements with i at each vector of a row, beginning at `from`; KEEP(v) is v where the lanes are new, else 0. */
#define ALONG_ROW(from, ...)                                                                                            \
    do {                                                                                                               \
        int64_t i = (from);                                                                                            \
        for (; i + LANES <= n; i += LANES) {                                                                           \
            const int last = 0;                                                                                        \
            (void)last;                                                                                                \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
        if (i < n) {                                                                                                   \
            const int last = 1;                                                                                        \
            (void)last;                                                                                                \
            i = most(n - LANES, 0);                                                                                    \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    } while (0)
#define KEEP(v) FN(keep)(v, fresh, last)
#define AT(p) FN(load)((p) + i)

INLINE VEC FN(keep)(VEC v, IVEC fresh, int last) { return last ? (VEC)((IVEC)v & fresh) : v; }

static IVEC FN(fresh_lanes)(int64_t n)
{
    IVEC mask = {0};
    const int64_t end = n < LANES ? n : LANES, first = n < LANES ? 0 : LANES - n % LANES;
    for (int64_t i = first; i < end; i++) mask[i] = -1;
    return mask;
}

INLINE T FN(sum_lanes)(VEC v)
{
    T sums[2] = {0};
    UNROLL for (int i = 0; i < LANES; i += 2) sums[0] += v[i], sums[1] += v[i + 1];
    return sums[0] + sums[1];
}

INLINE T FN(largest_lane)(VEC v)
{
    T pair[2] = {v[0], v[1]};
    UNROLL for (int i = 2; i < LANES; i++) pair[i & 1] = v[i] > pair[i & 1] ? v[i] : pair[i & 1];
    return pair[0] > pair[1] ? pair[0] : pair[1];
}

/* The sum of a row less `mean`, or of the squares of that */
INLINE T FN(sum_row)(const T *x, int64_t n, IVEC fresh, int squares, T mean)
{
    VEC sums[4] = {{0}};
    int64_t from = 0;
    for (; from + 4 * LANES <= n; from += 4 * LANES) UNROLL for (int u = 0; u < 4; u++)
        {
            VEC d = FN(load)(x + from + u * LANES) - mean;
            if (squares) d *= d;
            sums[u] += d;
        }
    ALONG_ROW(from, {
        VEC d = AT(x) - mean;
        if (squares) d *= d;
        sums[0] += KEEP(d);
    });
    return FN(sum_lanes)((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/* y = softmax(x), or its logarithm; if wanted the largest number of the row, and the logarithm of the sum of
 * exp(x - largest).  A NaN makes all of its row NaN. */
INLINE void FN(softmax_row)(const T *x, T *y, int64_t n, IVEC fresh, int log_of_it, T *top, T *log_sum)
{
    VEC tops = (VEC){0} - (T)INFINITY, sum = {0};
    ALONG_ROW(0, {
        const VEC v = AT(x);
        tops = FN(pick)((v > tops) & (last ? fresh : ~(IVEC){0}), v, tops);
    });
    const T largest = FN(largest_lane)(tops);
    ALONG_ROW(0, {
        const VEC e = FN(exp_vec)(AT(x) - largest);
        if (!log_of_it) FN(store)(y + i, e);
        sum += KEEP(e);
    });
    const T total = FN(sum_lanes)(sum), share = 1 / total;
    if (top) *top = largest;
    if (log_of_it) {
        const T log_total = FN(log)(total);
        ALONG_ROW(0, FN(store)(y + i, AT(x) - largest - log_total););
        return;
    }
    if (log_sum) *log_sum = FN(log)(total);
    ALONG_ROW(0, {
        const VEC e = AT(y);
        FN(store)(y + i, last ? FN(pick)(fresh, e * share, e) : (VEC)(e * share));
    });
}

/* y*(g - sum(g*y)), or for the logarithm g - exp(y)*sum(g) */
INLINE void FN(softmax_dx_row)(const T *g, const T *y, T *dx, int64_t n, IVEC fresh, int log_of_it)
{
    VEC sums = {0};
    if (!log_of_it) ALONG_ROW(0, sums += KEEP(AT(g) * AT(y)););
    const T sum = log_of_it ? FN(sum_row)(g, n, fresh, 0, 0) : FN(sum_lanes)(sums);
    ALONG_ROW(0, {
        const VEC a = AT(g), b = AT(y);
        FN(store)(dx + i, log_of_it ? (VEC)(a - FN(exp_vec)(b) * sum) : (VEC)(b * (a - sum)));
    });
}

/* (x - mean) / sqrt(variance + eps) * gamma + beta, without gamma or beta if NULL; of RMS norm the mean is 0 */
INLINE T FN(norm_row)(const T *x, const T *gamma, const T *beta, T *y, int64_t n, IVEC fresh, double eps, T *mean)
{
    const T middle = mean ? FN(sum_row)(x, n, fresh, 0, 0) / (T)n : 0;
    const T scale = (T)(1 / sqrt((double)FN(sum_row)(x, n, fresh, 1, middle) / (double)n + eps));
    if (mean) *mean = middle;
    if (gamma && beta) ALONG_ROW(0, FN(store)(y + i, (AT(x) - middle) * scale * AT(gamma) + AT(beta)););
    else
        ALONG_ROW(0, {
            VEC d = (AT(x) - middle) * scale;
            if (gamma) d *= AT(gamma);
            if (beta) d += AT(beta);
            FN(store)(y + i, d);
        });
    return scale;
}

/* With h = g*gamma and d = x - mean: scale * (h - sum(h)/n - d * scale^2 * sum(h*d)/n).  This row's share of the gradients
 * of gamma and beta is added to theirs. */
INLINE void FN(norm_dx_row)(const T *g, const T *x, const T *gamma, const T *mean, T scale, T *dx, T *dgamma, T *dbeta,
                            int64_t n, IVEC fresh)
{
    const T middle = mean ? *mean : 0;
    VEC sums = {0}, products = {0};
    ALONG_ROW(0, {
        VEC h = AT(g);
        const VEC d = AT(x) - middle;
        if (dgamma) FN(store)(dgamma + i, AT(dgamma) + KEEP(h * d * scale));
        if (dbeta) FN(store)(dbeta + i, AT(dbeta) + KEEP(h));
        if (gamma) h *= AT(gamma);
        sums += KEEP(h), products += KEEP(h * d);
    });
    const T shift = mean ? FN(sum_lanes)(sums) * scale / (T)n : 0;
    const T slope = FN(sum_lanes)(products) * scale * scale * scale / (T)n;
    ALONG_ROW(0, {
        VEC h = AT(g) * scale;
        if (gamma) h *= AT(gamma);
        FN(store)(dx + i, h - shift - (AT(x) - middle) * slope);
    });
}

/* One row: a and b are what is read, y what is written, gamma and beta what goes with columns. */
INLINE void FN(any_row)(const FN(rows_job) * v, int64_t row, const T *a, const T *b, const T *gamma, const T *beta, T *y,
                        T *dgamma, T *dbeta)
{
    const int64_t n = v->n;
    const IVEC fresh = v->fresh;
    T *first = v->out[1] ? v->out[1] + row : NULL, *second = v->out[2] ? v->out[2] + row : NULL;
    switch (v->what) {
    case SOFTMAX: FN(softmax_row)(a, y, n, fresh, 0, first, second); break;
    case LOG_SOFTMAX: FN(softmax_row)(a, y, n, fresh, 1, NULL, NULL); break;
    case SOFTMAX_DX: FN(softmax_dx_row)(a, b, y, n, fresh, 0); break;
    case LOG_SOFTMAX_DX: FN(softmax_dx_row)(a, b, y, n, fresh, 1); break;
    case LAYER_NORM: *second = FN(norm_row)(a, gamma, beta, y, n, fresh, v->k, first); break;
    case RMS_NORM: *second = FN(norm_row)(a, gamma, NULL, y, n, fresh, v->k, NULL); break;
    case LAYER_NORM_DX:
        FN(norm_dx_row)(a, b, gamma, v->in[3] + row, v->in[4][row], y, dgamma, dbeta, n, fresh);
        break;
    case RMS_NORM_DX: FN(norm_dx_row)(a, b, gamma, NULL, v->in[4][row], y, dgamma, NULL, n, fresh); break;
    }
}

static int FN(is_norm_dx)(int what) { return what == LAYER_NORM_DX || what == RMS_NORM_DX; }
static int FN(takes_two_rows)(int what) { return what == SOFTMAX_DX || what == LOG_SOFTMAX_DX || FN(is_norm_dx)(what); }

static void FN(rows_piece)(const void *job, int64_t piece, char *unused)
{
    const FN(rows_job) own = *(const FN(rows_job) *)job, *v = &own; /* a copy, which no store can alias */
    const int64_t n = v->n, from = piece * v->block, upto = least(v->rows, from + v->block);
    const int norm_dx = FN(is_norm_dx)(v->what), two = FN(takes_two_rows)(v->what), is_short = n < LANES;
    const size_t bytes = n * sizeof(T);
    const T *gamma = v->in[two ? 2 : 1], *beta = two ? NULL : v->in[2];
    T *dgamma = NULL, *dbeta = NULL, buffer[7][VEC_BYTES / sizeof(T)] = {{0}}; /* for rows shorter than a vector */
    (void)unused;
    if (norm_dx) { /* sums of this block's rows, which are added up in order later */
        if (v->out[1]) dgamma = memset(v->out[1] + piece * n, 0, bytes);
        if (v->out[2]) dbeta = memset(v->out[2] + piece * n, 0, bytes);
    }
    if (!is_short) {
        for (int64_t row = from; row < upto; row++)
            FN(any_row)(v, row, v->in[0] + row * n, two ? v->in[1] + row * n : NULL, gamma, beta, v->out[0] + row * n,
                        dgamma, dbeta);
        return;
    }
    if (gamma) gamma = memcpy(buffer[0], gamma, bytes);
    if (beta) beta = memcpy(buffer[1], beta, bytes);
    for (int64_t row = from; row < upto; row++) {
        memcpy(buffer[2], v->in[0] + row * n, bytes);
        if (two) memcpy(buffer[3], v->in[1] + row * n, bytes);
        FN(any_row)(v, row, buffer[2], buffer[3], gamma, beta, buffer[4], dgamma ? buffer[5] : NULL,
                    dbeta ? buffer[6] : NULL);
        memcpy(v->out[0] + row * n, buffer[4], bytes);
    }
    if (dgamma) memcpy(dgamma, buffer[5], bytes);
    if (dbeta) memcpy(dbeta, buffer[6], bytes);
}

/* Sums of the blocks, one after the other */
static void FN(add_blocks)(const T *parts, int64_t blocks, int64_t n, T *out)
{
    memcpy(out, parts, n * sizeof(T));
    for (int64_t k = 1; k < blocks; k++)
        for (int64_t i = 0; i < n; i++) out[i] += parts[k * n + i];
}

static int FN(rows)(int what, int64_t rows, int64_t n, const void *const *in, void *const *out, double k)
{
    FN(rows_job) v = {.what = what, .rows = rows, .n = n, .k = k, .fresh = FN(fresh_lanes)(n)};
    for (int i = 0; i < 5; i++) v.in[i] = in[i];
    for (int i = 0; i < 3; i++) v.out[i] = out[i];
    const int sums = FN(is_norm_dx)(what);
    v.block = most(most(1, EACH / n), sums ? ceil_div(rows, 64) : 1);
    const int64_t blocks = ceil_div(rows, v.block);
    lease l;
    if (pool_open(&l, sums ? 2 * blocks * n * sizeof(T) : 0, 0, (double)rows * n * 20)) return -1;
    if (sums)
        for (int i = 1; i < 3; i++)
            if (out[i]) v.out[i] = (T *)l.shared + (i - 1) * blocks * n;
    pool_run(&l, FN(rows_piece), &v, blocks);
    if (sums)
        for (int i = 1; i < 3; i++)
            if (out[i]) FN(add_blocks)(v.out[i], blocks, n, out[i]);
    pool_close(&l);
    return 0;
}

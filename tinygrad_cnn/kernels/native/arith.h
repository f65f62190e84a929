/* Arithmetic of two arrays, one of which may be repeated along axes: both are (rows, places, columns) with steps that are
 * 0 along an axis that an array does not have.  One rounding for each element: the bits of NumPy. */

typedef struct {
    int what;
    int64_t size[3], p_step[3], q_step[3], chunks, units, together; /* a unit is a chunk of columns of one place */
    const T *p, *q;
    T *out;
} FN(arith_job);

#define LOOP(sign)                                                                                                    \
    do {                                                                                                              \
        if (!ps) for (int64_t i = 0; i < n; i++) out[i] = p[0] sign q[i];                                              \
        else if (!qs) for (int64_t i = 0; i < n; i++) out[i] = p[i] sign q[0];                                         \
        else for (int64_t i = 0; i < n; i++) out[i] = p[i] sign q[i];                                                  \
    } while (0)

static NOINLINE void FN(arith_run)(int what, const T *restrict p, const T *restrict q, T *restrict out, int64_t n,
                                   int64_t ps, int64_t qs)
{
    switch (what) {
    case ADD: LOOP(+); break;
    case SUB: LOOP(-); break;
    case MUL: LOOP(*); break;
    default: LOOP(/);
    }
}
#undef LOOP

static void FN(arith_piece)(const void *job, int64_t piece, char *unused)
{
    const FN(arith_job) *v = job;
    (void)unused;
    for (int64_t unit = piece * v->together; unit < least(v->units, (piece + 1) * v->together); unit++) {
        const int64_t row = unit / v->chunks / v->size[1], place = unit / v->chunks % v->size[1];
        const int64_t from = unit % v->chunks * EACH, upto = least(v->size[2], from + EACH);
        FN(arith_run)(v->what, v->p + row * v->p_step[0] + place * v->p_step[1] + from * v->p_step[2],
                      v->q + row * v->q_step[0] + place * v->q_step[1] + from * v->q_step[2],
                      v->out + unit / v->chunks * v->size[2] + from, upto - from, v->p_step[2], v->q_step[2]);
    }
}

static int FN(arith)(int what, const int64_t *size, const int64_t *p_step, const int64_t *q_step, const void *p,
                     const void *q, void *out)
{
    FN(arith_job) v = {.what = what, .p = p, .q = q, .out = out};
    for (int i = 0; i < 3; i++) v.size[i] = size[i], v.p_step[i] = p_step[i], v.q_step[i] = q_step[i];
    v.chunks = ceil_div(size[2], EACH), v.units = size[0] * size[1] * v.chunks;
    v.together = most(1, EACH / size[2]);
    lease l;
    if (pool_open(&l, 0, 0, (double)size[0] * size[1] * size[2] * 4)) return -1;
    pool_run(&l, FN(arith_piece), &v, ceil_div(v.units, v.together));
    pool_close(&l);
    return 0;
}

/* ---- p where a mask is set, else q; either may be one number ------------------------------------------------------- */

typedef struct {
    int64_t size;
    const uint8_t *mask;
    const T *p, *q;
    T numbers[2], *out;
} FN(choice);

static void FN(choose_piece)(const void *job, int64_t piece, char *unused)
{
    const FN(choice) *v = job;
    const int64_t from = piece * EACH, n = least(v->size, from + EACH) - from;
    const uint8_t *restrict mask = v->mask + from;
    const T *restrict p = v->p ? v->p + from : NULL, *restrict q = v->q ? v->q + from : NULL;
    const T a = v->numbers[0], b = v->numbers[1];
    T *restrict out = v->out + from;
    (void)unused;
    if (!p) for (int64_t i = 0; i < n; i++) out[i] = mask[i] ? a : q[i];
    else if (!q) for (int64_t i = 0; i < n; i++) out[i] = mask[i] ? p[i] : b;
    else for (int64_t i = 0; i < n; i++) out[i] = mask[i] ? p[i] : q[i];
}

static int FN(choose)(int64_t size, const void *mask, const void *p, const void *q, double a, double b, void *out)
{
    const FN(choice) v = {.size = size, .mask = mask, .p = p, .q = q, .numbers = {(T)a, (T)b}, .out = out};
    lease l;
    if (pool_open(&l, 0, 0, (double)size * 4)) return -1;
    pool_run(&l, FN(choose_piece), &v, ceil_div(size, EACH));
    pool_close(&l);
    return 0;
}

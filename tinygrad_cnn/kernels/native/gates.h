/* One step of LSTM and GRU, element by element: what follows the products of a step, and its gradient.  Arrays are rows
 * of `hidden` numbers for each gate, side by side, in PyTorch's order. */

typedef struct {
    int what;
    int64_t rows, hidden, block;
    const T *in[5];
    T *out[3];
} FN(gates_job);

INLINE VEC FN(tanh_vec)(VEC x)
{
    const VEC m = FN(expm1_below)(FN(magnitude)(x) * -2), size = -m / (m + 2);
    return (VEC)((IVEC)size | ((IVEC)x ^ (IVEC)FN(magnitude)(x))); /* with the sign of x */
}

/* The lanes of array `k`, `of` gates wide, for gate number `gate` of this row, from column j on */
#define IN(k, of, gate) FN(load_some)(v->in[k] + (row * (of) + (gate)) * n + j, n - j, v->in[k] + v->rows * (of) * n)
#define OUT(k, of, gate, value) FN(store_some)(v->out[k] + (row * (of) + (gate)) * n + j, value, n - j)

/* gates = i, f, g, o of a + b; c' = f*c + i*g; h' = o*tanh(c') */
INLINE void FN(lstm)(const FN(gates_job) * v, int64_t row, int64_t j)
{
    const int64_t n = v->hidden;
    VEC rest;
    const VEC i = FN(sigmoid_vec)(IN(0, 4, 0) + IN(1, 4, 0), &rest), f = FN(sigmoid_vec)(IN(0, 4, 1) + IN(1, 4, 1), &rest);
    const VEC g = FN(tanh_vec)(IN(0, 4, 2) + IN(1, 4, 2)), o = FN(sigmoid_vec)(IN(0, 4, 3) + IN(1, 4, 3), &rest);
    const VEC c = f * IN(2, 1, 0) + i * g;
    OUT(0, 4, 0, i), OUT(0, 4, 1, f), OUT(0, 4, 2, g), OUT(0, 4, 3, o);
    OUT(1, 1, 0, c), OUT(2, 1, 0, o * FN(tanh_vec)(c));
}

/* Of dh, dc, gates, c and c': the gradients of a + b and of c */
INLINE void FN(lstm_dx)(const FN(gates_job) * v, int64_t row, int64_t j)
{
    const int64_t n = v->hidden;
    const VEC i = IN(2, 4, 0), f = IN(2, 4, 1), g = IN(2, 4, 2), o = IN(2, 4, 3), dh = IN(0, 1, 0);
    const VEC t = FN(tanh_vec)(IN(4, 1, 0)), dc = IN(1, 1, 0) + dh * o * (1 - t * t);
    OUT(0, 4, 0, dc * g * i * (1 - i)), OUT(0, 4, 1, dc * IN(3, 1, 0) * f * (1 - f));
    OUT(0, 4, 2, dc * i * (1 - g * g)), OUT(0, 4, 3, dh * t * o * (1 - o));
    OUT(1, 1, 0, dc * f);
}

/* gates = r, z of a + b, n = tanh(a_n + r*b_n), and b_n; h' = n + z*(h - n) */
INLINE void FN(gru)(const FN(gates_job) * v, int64_t row, int64_t j)
{
    const int64_t n = v->hidden;
    VEC rest;
    const VEC r = FN(sigmoid_vec)(IN(0, 3, 0) + IN(1, 3, 0), &rest), z = FN(sigmoid_vec)(IN(0, 3, 1) + IN(1, 3, 1), &rest);
    const VEC b = IN(1, 3, 2), new_one = FN(tanh_vec)(IN(0, 3, 2) + r * b);
    OUT(0, 4, 0, r), OUT(0, 4, 1, z), OUT(0, 4, 2, new_one), OUT(0, 4, 3, b);
    OUT(1, 1, 0, new_one + z * (IN(2, 1, 0) - new_one));
}

/* Of dh, gates and h: the gradients of a, of b and of h but for its part in b */
INLINE void FN(gru_dx)(const FN(gates_job) * v, int64_t row, int64_t j)
{
    const int64_t n = v->hidden;
    const VEC dh = IN(0, 1, 0), r = IN(1, 4, 0), z = IN(1, 4, 1), new_one = IN(1, 4, 2), b = IN(1, 4, 3);
    const VEC dn = dh * (1 - z) * (1 - new_one * new_one), dr = dn * b * r * (1 - r);
    const VEC dz = dh * (IN(2, 1, 0) - new_one) * z * (1 - z);
    OUT(0, 3, 0, dr), OUT(0, 3, 1, dz), OUT(0, 3, 2, dn);
    OUT(1, 3, 0, dr), OUT(1, 3, 1, dz), OUT(1, 3, 2, dn * r);
    OUT(2, 1, 0, dh * z);
}
#undef IN
#undef OUT

static void FN(gates_piece)(const void *job, int64_t piece, char *unused)
{
    const FN(gates_job) own = *(const FN(gates_job) *)job, *v = &own; /* a copy, which no store can alias */
    (void)unused;
    for (int64_t row = piece * v->block; row < least(v->rows, (piece + 1) * v->block); row++)
        for (int64_t j = 0; j < v->hidden; j += LANES) switch (v->what) {
            case LSTM_GATES: FN(lstm)(v, row, j); break;
            case LSTM_GATES_DX: FN(lstm_dx)(v, row, j); break;
            case GRU_GATES: FN(gru)(v, row, j); break;
            default: FN(gru_dx)(v, row, j);
            }
}

static int FN(gates)(int what, int64_t rows, int64_t hidden, const void *const *in, void *const *out)
{
    FN(gates_job) v = {.what = what, .rows = rows, .hidden = hidden, .block = most(1, EACH / 8 / hidden)};
    for (int i = 0; i < 5; i++) v.in[i] = in[i];
    for (int i = 0; i < 3; i++) v.out[i] = out[i];
    lease l;
    if (pool_open(&l, 0, 0, (double)rows * hidden * 80)) return -1;
    pool_run(&l, FN(gates_piece), &v, ceil_div(rows, v.block));
    pool_close(&l);
    return 0;
}

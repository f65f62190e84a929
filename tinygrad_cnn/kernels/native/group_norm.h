/* Group norm: x is (samples, places, channels), and the channels of a group are normalised over all places of a sample.
 * A sample is one piece of work, so that it is read from memory once if it fits the second-level cache. */

#define FLUSH 128 /* places whose sums are taken in single precision, before they are added in double precision */

typedef struct {
    int what;
    int64_t places, channels, groups;
    const T *g, *x, *gamma, *beta, *mean, *scale;
    T *y, *dgamma, *dbeta, *means, *scales;
    double eps;
} FN(group_norm_job);

/* Sums over places of x - mean, squared (g NULL) or times g; of g alone into `plain`.  One number for each channel. */
static NOINLINE void FN(place_sums)(const T *x, const T *g, const T *mean, int squares, int64_t places, int64_t n, T *part,
                                    T *part2, double *sums, double *plain)
{
    memset(sums, 0, n * sizeof(double));
    if (g) memset(plain, 0, n * sizeof(double));
    for (int64_t from = 0; from < places; from += FLUSH) {
        memset(part, 0, n * sizeof(T));
        if (g) memset(part2, 0, n * sizeof(T));
        for (int64_t p = from; p < least(places, from + FLUSH); p++) {
            const T *row = x + p * n, *other = g ? g + p * n : NULL;
            if (other)
                for (int64_t j = 0; j < n; j++) part[j] += other[j] * (row[j] - mean[j]), part2[j] += other[j];
            else if (squares)
                for (int64_t j = 0; j < n; j++) part[j] += (row[j] - mean[j]) * (row[j] - mean[j]);
            else
                for (int64_t j = 0; j < n; j++) part[j] += row[j];
        }
        for (int64_t j = 0; j < n; j++) sums[j] += part[j];
        if (g)
            for (int64_t j = 0; j < n; j++) plain[j] += part2[j];
    }
}

static void FN(group_norm_piece)(const void *job, int64_t sample, char *scratch)
{
    const FN(group_norm_job) own = *(const FN(group_norm_job) *)job, *v = &own; /* a copy, which no store can alias */
    const int64_t n = v->channels, places = v->places, width = n / v->groups;
    const double count = (double)places * width;
    const T *x = v->x + sample * places * n, *g = v->g ? v->g + sample * places * n : NULL;
    double *sums = (double *)scratch, *plain = sums + n;
    T *mean = (T *)(plain + n), *a = mean + n, *b = a + n, *c = b + n, *y = v->y + sample * places * n;
    if (!g) {
        FN(place_sums)(x, NULL, NULL, 0, places, n, a, NULL, sums, NULL);
        for (int64_t k = 0; k < v->groups; k++) {
            double sum = 0;
            for (int64_t j = k * width; j < (k + 1) * width; j++) sum += sums[j];
            v->means[sample * v->groups + k] = (T)(sum / count);
            for (int64_t j = k * width; j < (k + 1) * width; j++) mean[j] = (T)(sum / count);
        }
        FN(place_sums)(x, NULL, mean, 1, places, n, a, NULL, sums, NULL);
        for (int64_t k = 0; k < v->groups; k++) {
            double sum = 0;
            for (int64_t j = k * width; j < (k + 1) * width; j++) sum += sums[j];
            const T scale = v->scales[sample * v->groups + k] = (T)(1 / sqrt(sum / count + v->eps));
            for (int64_t j = k * width; j < (k + 1) * width; j++)
                a[j] = v->gamma ? scale * v->gamma[j] : scale, b[j] = v->beta ? v->beta[j] : 0;
        }
        for (int64_t p = 0; p < places; p++)
            for (int64_t j = 0; j < n; j++) y[p * n + j] = (x[p * n + j] - mean[j]) * a[j] + b[j];
        return;
    }
    /* dx = g*a + (x - mean)*b + c */
    const T *scales = v->scale + sample * v->groups, *means = v->mean + sample * v->groups;
    for (int64_t j = 0; j < n; j++) mean[j] = means[j / width];
    FN(place_sums)(x, g, mean, 0, places, n, a, b, sums, plain);
    for (int64_t k = 0; k < v->groups; k++) {
        double sum = 0, product = 0;
        const double scale = scales[k];
        for (int64_t j = k * width; j < (k + 1) * width; j++) {
            const double gamma = v->gamma ? v->gamma[j] : 1;
            sum += gamma * plain[j], product += gamma * sums[j];
            if (v->dgamma) v->dgamma[sample * n + j] = (T)(sums[j] * scale);
            if (v->dbeta) v->dbeta[sample * n + j] = (T)plain[j];
        }
        for (int64_t j = k * width; j < (k + 1) * width; j++) {
            a[j] = (T)(v->gamma ? v->gamma[j] * scale : scale);
            b[j] = (T)(-scale * scale * scale * product / count), c[j] = (T)(-scale * sum / count);
        }
    }
    for (int64_t p = 0; p < places; p++)
        for (int64_t j = 0; j < n; j++)
            y[p * n + j] = g[p * n + j] * a[j] + (x[p * n + j] - mean[j]) * b[j] + c[j];
}

static int FN(group_norm)(int what, int64_t samples, int64_t places, int64_t channels, int64_t groups,
                          const void *const *in, void *const *out, double eps)
{
    FN(group_norm_job) v = {.what = what, .places = places, .channels = channels, .groups = groups, .y = out[0], .eps = eps};
    const int back = what == GROUP_NORM_DX;
    lease l;
    const size_t shared = back ? 2 * samples * channels * sizeof(T) : 0;
    const size_t own = channels * (2 * sizeof(double) + 4 * sizeof(T));
    if (pool_open(&l, shared, own, (double)samples * places * channels * 8)) return -1;
    if (back) {
        v.g = in[0], v.x = in[1], v.gamma = in[2], v.mean = in[3], v.scale = in[4];
        if (out[1]) v.dgamma = (T *)l.shared;
        if (out[2]) v.dbeta = (T *)l.shared + samples * channels;
    } else v.x = in[0], v.gamma = in[1], v.beta = in[2], v.means = out[1], v.scales = out[2];
    pool_run(&l, FN(group_norm_piece), &v, samples);
    if (v.dgamma) FN(add_blocks)(v.dgamma, samples, channels, out[1]);
    if (v.dbeta) FN(add_blocks)(v.dbeta, samples, channels, out[2]);
    pool_close(&l);
    return 0;
}
#undef FLUSH

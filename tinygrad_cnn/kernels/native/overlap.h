/* The gradient for few input channels.
 *
 * Each dy pixel owes a run of J*C numbers to every row of x that its window covers: a product of its O numbers with one
 * row of the window.  J*C fill vectors better than C, and no products fall on padding.  For one row of dx the windows'
 * rows over it are summed in the product, for all dy pixels side by side; then neighbours' runs, which overlap, are
 * added up for each pixel of dx. */

typedef struct {
    const conv_shape *s;
    const T *dy;
    T *dx;
    const FN(filters) * filters;  /* of each phase of the stride: its rows of the window, by ascending number */
    int64_t run, apart, *xo, *yo; /* J*C; runs of neighbours are `apart` */
} FN(overlap);

/* Lanes that the tiles compute for so many channels. */
static int64_t FN(tile_lanes)(int64_t channels)
{
    const int64_t widest = WIDEST * LANES, whole = channels / widest * widest;
    return whole + (whole < channels ? FN(tiles_for)(channels, whole)->width : 0);
}

/* Does this compute a tenth less than one product for each phase of the stride? */
static int FN(overlap_pays)(const conv_shape *s)
{
    if (s->groups > 1 || s->dw > 1 || s->j == 1) return 0;
    const double runs = (double)FN(tile_lanes)(s->j * s->c) * s->ow * s->sw * s->oh * s->sh;
    return runs < 0.9 * FN(tile_lanes)(s->c) * s->j * s->w * s->h && !FN(winograd_size)(s, s->h, s->w, 0);
}

/* One pixel of dx, column w: what the windows over it owe. */
INLINE void FN(overlap_pixel)(const FN(overlap) * v, const T *m, int64_t w, T *to)
{
    const conv_shape *s = v->s;
    const int64_t first = (w + s->pw) % s->sw, top = (w + s->pw) / s->sw;
    for (int64_t c = 0; c < s->c; c += LANES) {
        VEC sum = {0};
        for (int64_t j = first, r = top; j < s->j && r >= 0; j += s->sw, r--)
            if (r < s->ow) sum += FN(load)(m + r * v->apart + j * s->c + c);
        FN(store_some)(to + c, sum, (s->w - w) * s->c - c); /* what runs over into the row is written later */
    }
}

static void FN(overlap_piece)(const void *job, int64_t piece, char *scratch)
{
    FN(overlap) own = *(const FN(overlap) *)job, *v = &own; /* a copy, which no store can alias */
    const conv_shape shape = *own.s, *s = &shape;
    own.s = s;
    T *m = (T *)scratch;
    segment *rows = (segment *)(m + s->ow * v->apart + LANES);
    const int64_t n = piece / s->h, h = piece % s->h, phase = (h + s->ph) % s->sh;
    const FN(filters) *f = v->filters + phase;
    T *to = v->dx + piece * s->w * s->c;
    int64_t skip = 0, used = 0;
    for (int64_t k = 0; k < f->ni; k++) { /* the windows' rows get smaller numbers where they begin farther down */
        const int64_t q = (h + s->ph - f->ti[k] * s->dh) / s->sh;
        if (q >= s->oh) skip++;
        else if (h + s->ph - f->ti[k] * s->dh >= 0) rows[used++] = (segment){q * s->ow * s->o, s->o};
    }
    if (!used) {
        memset(to, 0, s->w * s->c * sizeof(T));
        return;
    }
    FN(product) p = {rows, used, f->ni * s->o, 1, v->run, f->packed, f->start, 0, 0, skip * s->o};
    FN(sweep)(&p, 0, v->run, v->dy + n * s->oh * s->ow * s->o, v->xo, m, v->yo, s->ow);
    for (int64_t w = 0; w < s->w; w++) FN(overlap_pixel)(v, m, w, to + w * s->c);
}

static int FN(overlap_dx)(const conv_shape *s, const T *dy, const T *w, T *dx)
{
    const int64_t run = s->j * s->c, padded = FN(padded)(run), apart = padded + LANES, panel = s->i * s->o * padded;
    FN(overlap) v = {.s = s, .dy = dy, .dx = dx, .run = run, .apart = apart};
    FN(filters) *f = malloc(s->sh * sizeof *f + s->i * sizeof(int64_t));
    lease l;
    if (!f || pool_open(&l, (panel + padded) * sizeof(T) + 2 * s->ow * sizeof(int64_t),
                        (s->ow * apart + LANES) * sizeof(T) + s->i * sizeof(segment),
                        (double)s->n * s->oh * s->ow * s->i * run * s->o)) {
        free(f);
        return -1;
    }
    int64_t *taps = (int64_t *)(f + s->sh);
    const int64_t zero = 0;
    T *packed = (T *)l.shared, *start = packed + panel;
    v.filters = f, v.xo = (int64_t *)(start + padded), v.yo = v.xo + s->ow;
    for (int64_t r = 0; r < s->ow; r++) v.xo[r] = r * s->o, v.yo[r] = r * apart;
    for (int64_t phase = 0; phase < s->sh; phase++) {
        f[phase] = (FN(filters)){w, NULL, taps, &zero, 0, 1, 1, run, s->o, s->o, 1, 1, 0, packed, start};
        for (int64_t i = 0; i < s->i; i++)
            if (i * s->dh % s->sh == phase) taps[f[phase].ni++] = i;
        FN(pack)(&l, &f[phase]);
        taps += f[phase].ni, packed += f[phase].ni * s->o * padded;
    }
    pool_run(&l, FN(overlap_piece), &v, s->n * s->h);
    pool_close(&l);
    free(f);
    return 0;
}

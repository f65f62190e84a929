/* Which 3x3 convolutions minimal filtering does, and with which squares: 0 for none, or the side of a square.  The
 * choice depends on shapes alone, and between the two sizes on one picture's alone. */

/* h and w: of what the squares cover.  Few channels leave too few products for each number transformed, few squares too
 * few for each filter; a wide vector makes products cheaper, but not the way to memory. */
static int FN(winograd_size)(const conv_shape *s, int64_t h, int64_t w, int weights)
{
    const int possible = sizeof(T) == sizeof(float) && s->i == 3 && s->j == 3 && s->groups == 1 && s->sh == 1 &&
                         s->sw == 1 && s->dh == 1 && s->dw == 1;
    if (!possible || tg_winograd == WINOGRAD_NEVER) return 0;
    if (tg_winograd == WINOGRAD_POSSIBLE_2) return 2;
    if (tg_winograd == WINOGRAD_POSSIBLE_4) return 4;
    const int64_t small = ceil_div(h, 2) * ceil_div(w, 2), large = ceil_div(h, 4) * ceil_div(w, 4);
    const int64_t fewest = least(s->c, s->o), whole = s->c % LANES == 0 && s->o % LANES == 0;
    if (s->n * small < 32 || s->n * small < s->c * s->o / 2048 || fewest < (whole ? 8 : 12)) return 0;
    if (tg_winograd != WINOGRAD_SMALL && 36 * large < 16 * small) return 4; /* fewer products, on small pictures too */
    if (fewest < 16) return 0;
    return LANES < 16 || s->c + s->o >= 48 || (weights && whole) ? 2 : 0;
}

static int FN(minimal_conv2d)(const conv_shape *s, const void *x, const void *w, const void *b, void *y)
{
    const int size = FN(winograd_size)(s, s->oh, s->ow, 0);
    return size == 4   ? FN(winograd_conv2d_4)(s, x, w, b, y)
           : size == 2 ? FN(winograd_conv2d_2)(s, x, w, b, y)
                       : 1;
}

static int FN(minimal_dx)(const conv_shape *s, const void *dy, const void *w, void *dx)
{
    const int size = FN(winograd_size)(s, s->h, s->w, 0);
    return size == 4 ? FN(winograd_dx_4)(s, dy, w, dx) : size == 2 ? FN(winograd_dx_2)(s, dy, w, dx) : 1;
}

static int FN(minimal_dw)(const conv_shape *s, const void *x, const void *dy, void *dw)
{
    const int size = FN(winograd_size)(s, s->oh, s->ow, 1);
    return size == 4 ? FN(winograd_dw_4)(s, x, dy, dw) : size == 2 ? FN(winograd_dw_2)(s, x, dy, dw) : 1;
}

/* Which convolutions and matrix products are worked out from bf16 numbers; shapes alone decide. */

/* The instructions for a product of `rows` by `inner` by `lanes`, or NULL for float32: where too few rows share the
 * packed filters, where minimal filtering is faster (`size` > 0), or where packing costs more than products save: the
 * one touches inner + lanes numbers a row, the other inner * lanes. */
static const bf16_tiles *FN(bf16_for)(int64_t rows, int64_t inner, int64_t lanes, int size)
{
    const bf16_tiles *tiles = sizeof(T) == sizeof(float) ? tg_bf16_in_use() : NULL;
    if (!tiles || (tiles->wide && VEC_BYTES < 64)) return NULL;
    if (rows <= FEW_PIXELS || (size && !tiles->fastest)) return NULL;
    return inner * lanes >= tiles->worth * (inner + lanes) ? tiles : NULL;
}

static const bf16_tiles *FN(bf16_for_conv2d)(const conv_shape *s)
{
    return FN(bf16_for)(s->n * s->oh * s->ow, s->i * s->j * s->c / s->groups, s->o / s->groups,
                        FN(winograd_size)(s, s->oh, s->ow, 0));
}

static const bf16_tiles *FN(bf16_for_dx)(const conv_shape *s)
{
    const int64_t taps = ceil_div(s->i, s->sh) * ceil_div(s->j, s->sw); /* of one phase of the stride */
    return FN(bf16_for)(s->n * s->h * s->w, taps * s->o / s->groups, s->c / s->groups,
                        FN(winograd_size)(s, s->h, s->w, 0));
}

#if HAS_BF16
static const bf16_tiles *FN(bf16_for_dw)(const conv_shape *s)
{
    return FN(bf16_for)(s->n * s->oh * s->ow, s->i * s->j * s->c / s->groups, s->o / s->groups,
                        FN(winograd_size)(s, s->oh, s->ow, 1));
}
#endif

/* Rounding float32 arrays to bf16, and laying them out as bf16.h asks. */

typedef uint32_t bf16_pair __attribute__((may_alias));

INLINE int64_t round_up(int64_t a, int64_t step) { return ceil_div(a, step) * step; }

/* Round n numbers to the nearest bf16, ties to even; a NaN stays one. */
static void bf16_round(const float *from, int64_t n, uint16_t *restrict to)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, from + i, sizeof bits);
        const uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, nan = bits >> 16 | 0x40;
        to[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? nan : nearest);
    }
}

/* Pairs of rows (rows, ld), with the numbers of each column side by side, for `blocks` blocks of 16 columns. */
static void bf16_pairs(const uint16_t *from, int64_t ld, int64_t rows, int64_t blocks, bf16_pair *restrict to)
{
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t r = 0; r < rows; r += 2, to += BF16_COLUMNS) {
            const uint16_t *first = from + r * ld + b * BF16_COLUMNS, *second = first + ld;
            for (int i = 0; i < BF16_COLUMNS; i++) to[i] = first[i] | (bf16_pair)second[i] << 16;
        }
}

/* The transpose of (rows, 16) pairs, ld and to_ld pairs from one row to the next. */
static void bf16_turn(const bf16_pair *from, int64_t ld, int64_t rows, int64_t columns, bf16_pair *restrict to,
                      int64_t to_ld)
{
    enum { block = 16 };
    for (int64_t r0 = 0; r0 < rows; r0 += block)
        for (int64_t c0 = 0; c0 < columns; c0 += block)
            for (int64_t c = c0; c < least(c0 + block, columns); c++)
                for (int64_t r = r0; r < least(r0 + block, rows); r++) to[c * to_ld + r] = from[r * ld + c];
}

/* Copy what lies under a piece of a walk, rounded, with zeros outside the image: `channels` of them from c0 on, then
 * zeros up to k->pix. */
static void bf16_fill(const walk *k, const float *src, int64_t c0, int64_t channels, const piece_box *p, uint16_t *to)
{
    const int64_t rows = (p->q - 1) * k->sh + k->hs[k->ni - 1] - k->hs[0] + 1;
    const int64_t cols = (p->r - 1) * k->sw + k->ws[k->nj - 1] - k->ws[0] + 1;
    const int64_t top = p->q0 * k->sh + k->hs[0], left = p->r0 * k->sw + k->ws[0];
    const int64_t from = least(cols, most(0, -left)), upto = most(from, least(cols, k->w - left));
    for (int64_t n = 0; n < p->n; n++)
        for (int64_t r = 0; r < rows; r++) {
            uint16_t *line = to + n * k->img + r * k->row;
            if (top + r < 0 || top + r >= k->h || from == upto) {
                memset(line, 0, cols * k->pix * sizeof *line);
                continue;
            }
            const float *s = src + (((p->n0 + n) * k->h + top + r) * k->w + left + from) * k->c + c0;
            memset(line, 0, from * k->pix * sizeof *line);
            if (channels == k->c && k->pix == k->c) bf16_round(s, (upto - from) * k->c, line + from * k->pix);
            else
                for (int64_t i = from; i < upto; i++, s += k->c) {
                    bf16_round(s, channels, line + i * k->pix);
                    memset(line + i * k->pix + channels, 0, (k->pix - channels) * sizeof *line);
                }
            memset(line + upto * k->pix, 0, (cols - upto) * k->pix * sizeof *line);
        }
}

/* Plan a walk whose pieces are rounded copies.  One tap with stride 1 is copied straight into a panel: rows of `width`
 * numbers, one for each pixel. */
static int bf16_plan(walk *k, int64_t pixels, int64_t width)
{
    walk_plan(k, pixels, 1);
    const int panel = k->ni * k->nj == 1 && k->sh == 1 && k->sw == 1;
    if (panel) k->pix = width, k->row = k->pix * k->span_w, k->img = k->row * k->span_h;
    return panel;
}

/* The panel of a piece: for each pixel the numbers at all its taps, then zeros up to `width`. */
static void bf16_gather(const uint16_t *copy, const int64_t *offsets, int64_t pixels, const segment *seg, int64_t nseg,
                        int64_t width, uint16_t *to)
{
    for (int64_t p = 0; p < pixels; p++, to += width) {
        int64_t at = 0;
        for (int64_t s = 0; s < nseg; at += seg[s++].len)
            memcpy(to + at, copy + offsets[p] + seg[s].x, seg[s].len * sizeof *to);
        memset(to + at, 0, (width - at) * sizeof *to);
    }
}

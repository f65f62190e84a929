/* How a convolution walks over its source: which pixel each tap of each output pixel reads, and in what pieces.
 *
 * Output pixel (q, r) with tap (a, b) reads source pixel (q*sh + hs[a], r*sw + ws[b]), or zero outside the source.
 * A forward pass is one walk over x; the gradient for x is one walk over dy for each phase of the stride.
 *
 * A piece is a few images, or a few rows of one image, or a few columns of one row.  If some tap falls outside the
 * source, the part of the source under a piece is first copied into scratch memory with a border of zeros. */

typedef struct {
    int64_t n, h, w, c;     /* the source */
    int64_t oh, ow, sh, sw; /* the output grid, and source pixels from one output pixel to the next */
    int64_t ni, nj;         /* taps: rows, columns */
    const int64_t *hs, *ws; /* their offsets, ascending */
    int64_t len;            /* channels read at each tap */
    int64_t held;           /* channels of a pixel in scratch memory, if not `len`: those of all groups */
    /* worked out by walk_plan */
    int copy, fused;            /* copied into scratch?  is a row of taps one run of memory? */
    int64_t bn, br, bc;         /* a piece: images, rows, columns */
    int64_t pn, pr, pc, pieces; /* pieces along each axis, and in all */
    int64_t span_h, span_w;     /* source rows and columns under a piece */
    int64_t pix, row, img;      /* steps through what the taps read, in elements */
} walk;

typedef struct {
    int64_t x, len; /* `len` steps from element x */
} segment;

static void cut(int64_t size, int64_t wish, int64_t *block, int64_t *count)
{
    *count = ceil_div(size, most(wish, 1));
    *block = ceil_div(size, *count);
    *count = ceil_div(size, *block);
}

static void walk_cut(walk *k, int64_t pixels)
{
    k->bn = 1, k->br = k->oh, k->bc = k->ow, k->pr = k->pc = 1;
    if (k->ow > pixels) {
        cut(k->ow, pixels, &k->bc, &k->pc);
        k->br = 1, k->pr = k->oh;
    } else if (k->oh * k->ow > pixels) {
        cut(k->oh, pixels / k->ow, &k->br, &k->pr);
    } else {
        cut(k->n, pixels / (k->oh * k->ow), &k->bn, &k->pn);
    }
    if (k->pc > 1 || k->pr > 1) k->pn = k->n;
    k->span_h = (k->br - 1) * k->sh + k->hs[k->ni - 1] - k->hs[0] + 1;
    k->span_w = (k->bc - 1) * k->sw + k->ws[k->nj - 1] - k->ws[0] + 1;
    k->pieces = k->pn * k->pr * k->pc;
}

/* Cut into pieces of about `pixels`; `copy` asks for a copy even where no tap falls outside. */
static void walk_plan(walk *k, int64_t pixels, int copy)
{
    const int64_t scratch_limit = 1 << 17, held = most(k->len, k->held);
    k->copy = copy || k->hs[0] < 0 || k->ws[0] < 0 || (k->oh - 1) * k->sh + k->hs[k->ni - 1] >= k->h ||
              (k->ow - 1) * k->sw + k->ws[k->nj - 1] >= k->w;
    for (;; pixels /= 2) {
        walk_cut(k, pixels);
        if (!k->copy || pixels <= 32 || k->bn * k->span_h * k->span_w * held <= scratch_limit) break;
    }
    k->pix = k->copy ? held : k->c;
    k->row = k->pix * (k->copy ? k->span_w : k->w);
    k->img = k->row * (k->copy ? k->span_h : k->h);
    k->fused = k->pix == k->len;
    for (int64_t b = 1; b < k->nj; b++) k->fused &= k->ws[b] - k->ws[b - 1] == 1;
}

static int64_t walk_pixels(const walk *k) { return k->bn * k->br * k->bc; }
static int64_t walk_rows(const walk *k) { return k->ni * k->nj * k->len; }
static int64_t walk_scratch(const walk *k) { return k->copy ? k->bn * k->img : 0; }

typedef struct {
    int64_t n0, q0, r0, n, q, r; /* first image, row, column, and how many of each */
} piece_box;

static piece_box walk_piece(const walk *k, int64_t piece)
{
    int64_t c = piece % k->pc, r = piece / k->pc % k->pr, n = piece / k->pc / k->pr;
    piece_box p = {n * k->bn, r * k->br, c * k->bc, 0, 0, 0};
    p.n = least(k->bn, k->n - p.n0), p.q = least(k->br, k->oh - p.q0), p.r = least(k->bc, k->ow - p.r0);
    return p;
}

/* Where pixel number p of a piece starts, counted from the piece's origin.  A smaller piece at the edge uses the start
 * of the same list, because only the outermost axis that is cut at all can come up short. */
static void pixel_offsets(const walk *k, int64_t img, int64_t row, int64_t col, int64_t *offsets)
{
    for (int64_t n = 0; n < k->bn; n++)
        for (int64_t q = 0; q < k->br; q++)
            for (int64_t r = 0; r < k->bc; r++) *offsets++ = n * img + q * row + r * col;
}

/* The taps as runs of memory, none longer than `longest`; returns how many (and only counts if out is NULL). */
static int64_t tap_segments(const walk *k, int64_t longest, segment *out)
{
    int64_t count = 0, run = k->fused ? k->nj * k->len : k->len;
    for (int64_t a = 0; a < k->ni; a++)
        for (int64_t b = 0; b < (k->fused ? 1 : k->nj); b++) {
            int64_t x = (k->hs[a] - k->hs[0]) * k->row + (k->ws[b] - k->ws[0]) * k->pix;
            for (int64_t at = 0; at < run; at += longest, count++)
                if (out) out[count] = (segment){x + at, least(longest, run - at)};
        }
    return count;
}

/* ---- pooling ---- */

/* The taps of the window at `start` that fall on 0..size. */
INLINE void inside(int64_t start, int64_t size, int64_t dilation, int64_t count, int64_t *first, int64_t *last)
{
    *first = start < 0 ? ceil_div(-start, dilation) : 0;
    *last = start >= size ? 0 : start + (count - 1) * dilation < size ? count : ceil_div(size - start, dilation);
}

/* The windows over each of the input columns (or rows) from..upto: number of the tap, and of the output column. */
typedef struct {
    int64_t tap, at;
} owed;

static void list_owed(int64_t from, int64_t upto, int64_t pad, int64_t stride, int64_t dilation, int64_t taps,
                      int64_t outs, int64_t most_each, owed *list, int64_t *count)
{
    for (int64_t w = from; w < upto; w++, list += most_each) {
        int64_t found = 0;
        for (int64_t j = 0; j < taps && w + pad - j * dilation >= 0; j++) {
            const int64_t t = w + pad - j * dilation;
            if (t % stride == 0 && t / stride < outs) list[found++] = (owed){j, t / stride};
        }
        count[w - from] = found;
    }
}

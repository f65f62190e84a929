/* Winograd's minimal filtering: the transforms, along one axis, for squares of 2x2 and of 4x4 output pixels.
 *
 *     y = A' [(G g) * (B' d)]       d pixels, g three filter taps, y two or four outputs, * element by element
 *
 * comes from multiplying polynomials by their values at chosen points, one place each.  For two outputs these are 0, 1,
 * -1 and infinity, for four 0, a, -a, b, -b and infinity with a = 2/3 and b = 3/2: these halve the error of the usual 1
 * and 2, and because ab = 1 two factors vanish.  Pairs of opposite points share their even and their odd part.
 *
 *     B' = 1  0 -1  0     G = 1    0   0      A' = 1  1  1  0
 *          0  1  1  0         1/2  1/2 1/2         0  1 -1 -1
 *          0 -1  1  0         1/2 -1/2 1/2
 *          0  1  0 -1         0    0   1
 *
 *     B' = 1  0    -a2-b2   0      1  0     G = 1   0    0          A' = 1  1   1   1   1  0
 *          0 -a b2 -b2      a      1  0         ka  a ka a2 ka           0  a  -a   b  -b  0
 *          0  a b2 -b2     -a      1  0         ka -a ka a2 ka           0  a2  a2  b2  b2 0
 *          0 -b a2 -a2      b      1  0         kb  b kb b2 kb           0  a3 -a3  b3 -b3 1
 *          0  b a2 -a2     -b      1  0         kb -b kb b2 kb
 *          0  1     0    -a2-b2    0  1         0   0    1           ka = 1 / (2 a2 (a2 - b2)), kb with a and b swapped
 *
 * The gradient for three taps from two or four gradients of outputs has the same B', and A' and G with the other number
 * of rows and columns: dw = A [(G' dy) * (B' d)].  Each function works on what lies `s` vectors apart, in place. */

#define POINT_A ((T)2 / 3)
#define POINT_B ((T)3 / 2)
#define SQUARE_A ((T)4 / 9)
#define SQUARE_B ((T)9 / 4)
#define CUBE_A ((T)8 / 27)
#define CUBE_B ((T)27 / 8)
#define SCALE_A ((T)-81 / 130)
#define SCALE_B ((T)8 / 65)

/* Pixels to places: B'. */
INLINE void FN(to_places_2)(VEC *d, const int s)
{
    const VEC a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
    d[0] = a - c, d[s] = b + c, d[2 * s] = c - b, d[3 * s] = b - e;
}

INLINE void FN(to_places_4)(VEC *d, const int s)
{
    const VEC p = d[s], q = d[2 * s], r = d[3 * s], t = d[4 * s];
    const VEC even_a = t - q * SQUARE_B, odd_a = r - p * SQUARE_B, even_b = t - q * SQUARE_A, odd_b = r - p * SQUARE_A;
    d[0] = (d[0] + t) - q * (SQUARE_A + SQUARE_B), d[5 * s] = (d[5 * s] + p) - r * (SQUARE_A + SQUARE_B);
    d[s] = even_a + odd_a * POINT_A, d[2 * s] = even_a - odd_a * POINT_A;
    d[3 * s] = even_b + odd_b * POINT_B, d[4 * s] = even_b - odd_b * POINT_B;
}

/* Places to outputs: A'. */
INLINE void FN(from_places_2)(VEC *d, const int s)
{
    const VEC a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
    d[0] = a + b + c, d[s] = b - c - e;
}

INLINE void FN(from_places_4)(VEC *d, const int s)
{
    const VEC even_a = d[s] + d[2 * s], odd_a = d[s] - d[2 * s], even_b = d[3 * s] + d[4 * s],
              odd_b = d[3 * s] - d[4 * s];
    d[0] = d[0] + even_a + even_b;
    d[s] = odd_a * POINT_A + odd_b * POINT_B;
    d[2 * s] = even_a * SQUARE_A + even_b * SQUARE_B;
    d[3 * s] = odd_a * CUBE_A + (odd_b * CUBE_B + d[5 * s]);
}

/* Filter taps to places: G. */
INLINE void FN(filter_to_places_2)(VEC *d, const int s)
{
    const VEC a = d[0], b = d[s], c = d[2 * s], sum = (a + c) * (T)0.5, half = b * (T)0.5;
    d[s] = sum + half, d[2 * s] = sum - half, d[3 * s] = c;
}

INLINE void FN(filter_to_places_4)(VEC *d, const int s)
{
    const VEC a = d[0], b = d[s], c = d[2 * s];
    const VEC even_a = a * SCALE_A + c * (SCALE_A * SQUARE_A), even_b = a * SCALE_B + c * (SCALE_B * SQUARE_B);
    d[s] = even_a + b * (SCALE_A * POINT_A), d[2 * s] = even_a - b * (SCALE_A * POINT_A);
    d[3 * s] = even_b + b * (SCALE_B * POINT_B), d[4 * s] = even_b - b * (SCALE_B * POINT_B);
    d[5 * s] = c;
}

/* Gradients of outputs to places: G', where the factors ka and kb wait for filter_from_places. */
INLINE void FN(gradient_to_places_2)(VEC *d, const int s)
{
    const VEC a = d[0], b = d[s];
    d[s] = a + b, d[2 * s] = a - b, d[3 * s] = b;
}

INLINE void FN(gradient_to_places_4)(VEC *d, const int s)
{
    const VEC p = d[0], q = d[s], r = d[2 * s], t = d[3 * s];
    const VEC even_a = p + r * SQUARE_A, odd_a = q + t * SQUARE_A, even_b = p + r * SQUARE_B, odd_b = q + t * SQUARE_B;
    d[s] = even_a + odd_a * POINT_A, d[2 * s] = even_a - odd_a * POINT_A;
    d[3 * s] = even_b + odd_b * POINT_B, d[4 * s] = even_b - odd_b * POINT_B;
    d[5 * s] = t;
}

/* Places to the gradients of filter taps: A. */
INLINE void FN(filter_from_places_2)(VEC *d, const int s)
{
    const VEC half = (d[s] + d[2 * s]) * (T)0.5, a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
    d[0] = a + half, d[s] = (b - c) * (T)0.5, d[2 * s] = half - e;
}

INLINE void FN(filter_from_places_4)(VEC *d, const int s)
{
    const VEC even_a = (d[s] + d[2 * s]) * SCALE_A, odd_a = (d[s] - d[2 * s]) * SCALE_A,
              even_b = (d[3 * s] + d[4 * s]) * SCALE_B, odd_b = (d[3 * s] - d[4 * s]) * SCALE_B;
    d[0] = d[0] + even_a + even_b;
    d[s] = odd_a * POINT_A + odd_b * POINT_B;
    d[2 * s] = even_a * SQUARE_A + (even_b * SQUARE_B + d[5 * s]);
}

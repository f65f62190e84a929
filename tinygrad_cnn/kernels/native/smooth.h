/* The exponential and what is made of it, for whole vectors: no calls, no branches, no tables.
 *
 * exp(x) = 2^n * exp(r) with n = x/log(2), rounded, and |r| <= log(2)/2, where a Taylor polynomial is exact to the last
 * bits.  Rounding adds ROUND, which leaves n in the lowest bits of the sum; the same bits become the exponent of 2^n. */

#define SINGLE (sizeof(T) == 4)
#define MANTISSA (SINGLE ? 23 : 52)
#define BIAS (SINGLE ? 127 : 1023)
#define ROUND ((T)(SINGLE ? 12582912.0 : 6755399441055744.0)) /* 1.5 * 2^MANTISSA */
#define ALL(number) ((VEC){0} + (T)(number))
#define SIGN ((IVEC){0} + (INT)((uint64_t)1 << (8 * sizeof(T) - 1)))

/* a where the mask is set, else b */
INLINE VEC FN(pick)(IVEC mask, VEC a, VEC b) { return (VEC)((mask & (IVEC)a) | (~mask & (IVEC)b)); }

INLINE VEC FN(magnitude)(VEC x) { return (VEC)((IVEC)x & ~SIGN); }

/* exp(r) - 1 for |r| <= log(2)/2, by Horner's rule from the last of its Taylor terms. */
INLINE VEC FN(exp_near_0)(VEC r)
{
    static const T terms[] = {1, 1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320, 1. / 362880,
                              1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800};
    const int last = SINGLE ? 7 : 13;
    VEC sum = ALL(terms[last]);
    UNROLL for (int k = last - 1; k >= 1; k--) sum = sum * r + terms[k];
    return sum * r;
}

/* n and r of above: n as ROUND + n */
INLINE VEC FN(reduced)(VEC x, VEC *shifted)
{
    const T high = (T)(SINGLE ? 0.693359375 : 0.693145751953125); /* log(2) in two parts: n * high is exact */
    const T low = (T)(SINGLE ? -2.12194440054690583e-4 : 1.42860682030941723212e-6);
    *shifted = x * (T)1.4426950408889634 + ROUND;
    const VEC n = *shifted - ROUND;
    return (x - n * high) - n * low;
}

/* 2^n, for n as ROUND + n, from the smallest normal number to the largest power */
INLINE VEC FN(power_of_2)(VEC shifted) { return (VEC)(((IVEC)shifted - (IVEC)ALL(ROUND) + BIAS) << MANTISSA); }

/* Too small is 0 and too large infinite, through the denormal numbers; 2^n in two factors, so that both are normal. */
INLINE VEC FN(exp_vec)(VEC x)
{
    const T lowest = (T)(SINGLE ? -104 : -746), highest = (T)(SINGLE ? 89 : 710);
    x = FN(pick)(x < lowest, ALL(lowest), x), x = FN(pick)(x > highest, ALL(highest), x);
    VEC shifted;
    const VEC sum = FN(exp_near_0)(FN(reduced)(x, &shifted)) + 1;
    const VEC half = (shifted - ROUND) * (T)0.5 + ROUND, other = shifted - half + ROUND;
    return sum * FN(power_of_2)(half) * FN(power_of_2)(other);
}

/* exp(x) - 1 without cancellation, for x <= 0 */
INLINE VEC FN(expm1_below)(VEC x)
{
    const T lowest = (T)(SINGLE ? -40 : -80); /* where it is -1 */
    x = FN(pick)(x < lowest, ALL(lowest), x);
    VEC shifted;
    const VEC sum = FN(exp_near_0)(FN(reduced)(x, &shifted)), power = FN(power_of_2)(shifted);
    return sum * power + (power - 1);
}

/* log(1 + e) for e from 0 to 1: twice the inverse hyperbolic tangent of s = e/(2 + e), by its series in s*s <= 1/9 */
INLINE VEC FN(log1p_vec)(VEC e)
{
    const VEC s = e / (e + 2), square = s * s;
    const int last = SINGLE ? 8 : 17;
    VEC sum = ALL(1. / (2 * last + 1));
    UNROLL for (int k = last - 1; k >= 0; k--) sum = sum * square + (T)(1. / (2 * k + 1));
    return s * sum * 2;
}

/* sigmoid(x), and sigmoid(-x), which is 1 minus it without cancellation */
INLINE VEC FN(sigmoid_vec)(VEC x, VEC *opposite)
{
    const VEC e = FN(exp_vec)(-FN(magnitude)(x)), large = 1 / (1 + e), small = e * large;
    const IVEC negative = x < 0;
    *opposite = FN(pick)(negative, large, small);
    return FN(pick)(negative, small, large);
}

INLINE VEC FN(softplus_vec)(VEC x)
{
    return FN(pick)(x < 0, ALL(0), x) + FN(log1p_vec)(FN(exp_vec)(-FN(magnitude)(x)));
}

/* The error function.  In single precision x * p(x*x) up to 1, and 1 - exp(q(x)) above, where q interpolates the
 * logarithm of the complement in Chebyshev's points from 1 to 4; from 4 on it is 1.  In double precision the C
 * library's, element by element. */
INLINE VEC FN(erf_vec)(VEC x)
{
    if (!SINGLE) {
        for (int i = 0; i < LANES; i++) x[i] = (T)erf(x[i]);
        return x;
    }
    static const T near[] = {1.12837917e+00, -3.76126385e-01, 1.12837825e-01, -2.68654307e-02,
                             5.22103180e-03, -8.48408035e-04, 1.12659587e-04, -9.66704374e-06};
    static const T far[] = {3.20138067e-04, -1.13023343e+00, -6.31826051e-01, -1.10080083e-01, 2.64211361e-02,
                            -4.75959632e-03, 5.96805631e-04, -4.60580433e-05, 1.63715145e-06};
    VEC t = FN(magnitude)(x), square = x * x, p = ALL(near[7]), q = ALL(far[8]);
    t = FN(pick)(t > 4, ALL(4), t);
    UNROLL for (int k = 6; k >= 0; k--) p = p * square + near[k];
    UNROLL for (int k = 7; k >= 0; k--) q = q * t + far[k];
    const VEC above = 1 - FN(exp_vec)(q);
    const IVEC sign = (IVEC)x & SIGN;
    return FN(pick)(t > 1, (VEC)((IVEC)above | sign), x * p);
}

INLINE VEC FN(normal_vec)(VEC x) { return (FN(erf_vec)(x * (T)0.70710678118654752440) + 1) * (T)0.5; }

/* ---- one function for each line of SMOOTH_FUNCTIONS: arrays a and b, the number k --------------------------------- */

INLINE VEC FN(SIGMOID)(VEC a, VEC b, T k) { (void)k; return FN(sigmoid_vec)(a, &b); }

INLINE VEC FN(SOFTPLUS)(VEC a, VEC b, T k) { (void)b, (void)k; return FN(softplus_vec)(a); }

INLINE VEC FN(ERF)(VEC a, VEC b, T k) { (void)b, (void)k; return FN(erf_vec)(a); }

INLINE VEC FN(SILU)(VEC a, VEC b, T k) { (void)k; return a * FN(sigmoid_vec)(a, &b); }

INLINE VEC FN(SILU_DX)(VEC a, VEC b, T k)
{
    VEC opposite;
    const VEC s = FN(sigmoid_vec)(b, &opposite);
    (void)k;
    return a * (s * (b * opposite + 1));
}

INLINE VEC FN(GELU)(VEC a, VEC b, T k) { (void)b, (void)k; return a * FN(normal_vec)(a); }

INLINE VEC FN(GELU_DX)(VEC a, VEC b, T k)
{
    (void)k;
    return a * (FN(normal_vec)(b) + b * FN(exp_vec)(b * b * (T)-0.5) * (T)0.39894228040143267794);
}

/* k is alpha */
INLINE VEC FN(ELU)(VEC a, VEC b, T k)
{
    (void)b;
    return FN(pick)(a > 0, a, k * FN(expm1_below)(FN(pick)(a > 0, ALL(0), a)));
}

INLINE VEC FN(ELU_DX)(VEC a, VEC b, T k)
{
    return FN(pick)(b > 0, a, a * k * FN(exp_vec)(FN(pick)(b > 0, ALL(0), b)));
}

/* x * tanh(log(1 + e)) = x * (e*e + 2*e)/(e*e + 2*e + 2), with e = exp(x); from `enough` on it is x */
INLINE VEC FN(MISH)(VEC a, VEC b, T k)
{
    (void)b, (void)k;
    const T enough = (T)(SINGLE ? 12 : 25);
    const VEC e = FN(exp_vec)(FN(pick)(a > enough, ALL(enough), a)), up = e * (e + 2);
    return FN(pick)(a > enough, a, a * (up / (up + 2)));
}

/* With t = tanh(log(1 + e)) as above: a * (t + x * e/(1 + e) * (1 - t)*(1 + t)) */
INLINE VEC FN(MISH_DX)(VEC a, VEC b, T k)
{
    (void)k;
    const T enough = (T)(SINGLE ? 12 : 25);
    const VEC e = FN(exp_vec)(FN(pick)(b > enough, ALL(enough), b)), up = e * (e + 2), t = up / (up + 2);
    return FN(pick)(b > enough, a, a * (t + b * (e / (1 + e)) * (2 / (up + 2)) * (1 + t)));
}

/* x * sigmoid(v), which is gelu with tanh(v/2), where v = 1.596*(x + 0.0447*x^3) */
#define TWICE_ROOT ((T)1.5957691216057308)
INLINE VEC FN(cubic)(VEC x) { return (x + x * x * x * (T)0.044715) * TWICE_ROOT; }

INLINE VEC FN(GELU_TANH)(VEC a, VEC b, T k) { (void)k; return a * FN(sigmoid_vec)(FN(cubic)(a), &b); }

INLINE VEC FN(GELU_TANH_DX)(VEC a, VEC b, T k)
{
    VEC opposite;
    const VEC s = FN(sigmoid_vec)(FN(cubic)(b), &opposite), slope = (1 + b * b * (T)(3 * 0.044715)) * TWICE_ROOT;
    (void)k;
    return a * (s + b * (s * opposite) * slope);
}
#undef TWICE_ROOT

#define CASE(name, arrays)                                                                                            \
    static void FN(PASTE(all_, name))(const T *p, const T *q, T *out, int64_t from, int64_t upto, T k)                 \
    {                                                                                                                  \
        int64_t i = from;                                                                                             \
        VEC b = {0};                                                                                                  \
        for (; i + LANES <= upto; i += LANES) {                                                                       \
            if (arrays > 1) b = FN(load)(q + i);                                                                      \
            FN(store)(out + i, FN(name)(FN(load)(p + i), b, k));                                                      \
        }                                                                                                             \
        if (i < upto) { /* the rest through the same function, so that no element depends on where it lies */        \
            T in[2][LANES] = {{0}}, result[LANES];                                                                    \
            for (int64_t j = i; j < upto; j++) in[0][j - i] = p[j], in[1][j - i] = arrays > 1 ? q[j] : 0;             \
            FN(store)(result, FN(name)(FN(load)(in[0]), FN(load)(in[1]), k));                                         \
            for (int64_t j = i; j < upto; j++) out[j] = result[j - i];                                                \
        }                                                                                                             \
    }
SMOOTH_FUNCTIONS(CASE)
#undef CASE
#undef SINGLE
#undef MANTISSA
#undef BIAS
#undef ROUND
#undef ALL
#undef SIGN

/* Products of bf16 numbers, one set of instructions: this file is compiled once for each, with -DTG_BF16_<name> and the
 * compiler's flags for it; without one it is the emulation.
 *   AMX       Intel's tiles: sums of 32 products at once in registers of 16 by 16 numbers
 *   DOT       vdpbf16ps of AVX-512: sums of two products in each of 16 lanes
 *   EMULATED  the tiles in plain C, for tests: it shows on every machine that the code for AMX is right
 * The only file with intrinsics, since compilers have no other names for these instructions. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "bf16.h"

#if !defined(TG_BF16_AMX) && !defined(TG_BF16_DOT)
#define TG_BF16_EMULATED 1
#endif
#if defined(TG_BF16_EMULATED)
#include "amx_emulated.h"
#else
#include <immintrin.h>
#endif
#if defined(TG_BF16_AMX)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(TG_BF16_DOT)

enum { TALL = 8 }; /* rows at a time: with two blocks of columns, 16 sums hide the instruction's latency */

static int ready(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16");
}

static void nothing(void) {}

static inline __attribute__((always_inline)) void eight_rows(const uint16_t *a, int64_t lda, const uint16_t *b,
                                                             int64_t pairs, const int blocks, float *c, int64_t ldc,
                                                             int resume)
{
    __m512 sum[TALL][2];
    const uint16_t *second = b + pairs * 2 * BF16_COLUMNS;
#pragma GCC unroll 8
    for (int r = 0; r < TALL; r++)
#pragma GCC unroll 2
        for (int v = 0; v < blocks; v++)
            sum[r][v] = resume ? _mm512_loadu_ps(c + r * ldc + v * BF16_COLUMNS) : _mm512_setzero_ps();
    for (int64_t k = 0; k < pairs; k++, b += 2 * BF16_COLUMNS, second += 2 * BF16_COLUMNS, a += 2) {
        const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b);
        const __m512bh b1 = blocks > 1 ? (__m512bh)_mm512_loadu_si512(second) : b0;
#pragma GCC unroll 8
        for (int r = 0; r < TALL; r++) {
            int32_t pair;
            __builtin_memcpy(&pair, a + r * lda, sizeof pair);
            const __m512bh pixel = (__m512bh)_mm512_set1_epi32(pair);
            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], pixel, b0);
            if (blocks > 1) sum[r][1] = _mm512_dpbf16_ps(sum[r][1], pixel, b1);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < TALL; r++)
#pragma GCC unroll 2
        for (int v = 0; v < blocks; v++) _mm512_storeu_ps(c + r * ldc + v * BF16_COLUMNS, sum[r][v]);
}

static void multiply(const uint16_t *a, int64_t lda, const uint16_t *b, int64_t steps, int blocks, float *c,
                     int64_t ldc, int resume)
{
    for (int r = 0; r < BF16_ROWS; r += TALL, a += TALL * lda, c += TALL * ldc)
        if (blocks > 1) eight_rows(a, lda, b, steps * BF16_STEP / 2, 2, c, ldc, resume);
        else eight_rows(a, lda, b, steps * BF16_STEP / 2, 1, c, ldc, resume);
}

const bf16_tiles tg_bf16_dot = {"dot", 0, 32, 1, ready, nothing, nothing, multiply};

#else /* AMX, real or emulated */

static void begin(void)
{
    /* palette 1; eight tiles of 16 rows, each of 64 bytes: 16 float32, or 32 bf16 numbers */
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
}

static void end(void) { _tile_release(); }

/* Tiles 0 to 3: 32 rows by 32 columns of c; 4 and 5: of a; 6 and 7: of b. */
static void multiply(const uint16_t *a, int64_t lda, const uint16_t *b, int64_t steps, int blocks, float *c,
                     int64_t ldc, int resume)
{
    const uint16_t *lower = a + 16 * lda, *second = b + steps * BF16_STEP * BF16_COLUMNS;
    float *c_lower = c + 16 * ldc;
    if (resume) {
        _tile_loadd(0, c, 4 * ldc);
        _tile_loadd(2, c_lower, 4 * ldc);
        if (blocks > 1) {
            _tile_loadd(1, c + 16, 4 * ldc);
            _tile_loadd(3, c_lower + 16, 4 * ldc);
        }
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t k = 0; k < steps; k++) {
        _tile_loadd(4, a + k * BF16_STEP, 2 * lda);
        _tile_loadd(6, b + k * BF16_STEP * BF16_COLUMNS, 64);
        _tile_loadd(5, lower + k * BF16_STEP, 2 * lda);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(2, 5, 6);
        if (blocks > 1) {
            _tile_loadd(7, second + k * BF16_STEP * BF16_COLUMNS, 64);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, 4 * ldc);
    _tile_stored(2, c_lower, 4 * ldc);
    if (blocks > 1) {
        _tile_stored(1, c + 16, 4 * ldc);
        _tile_stored(3, c_lower + 16, 4 * ldc);
    }
}

#if defined(TG_BF16_EMULATED)

static int ready(void) { return 1; }
const bf16_tiles tg_bf16_emulated = {"emulated", 1, 8, 0, ready, begin, end, multiply};

#else

/* The processor has the tiles, the system saves them (bits 17 and 18 of XCR0), and it gives this process leave. */
static int ready(void)
{
    enum { OSXSAVE = 1 << 27, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    unsigned a, b, c, d, saved, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & AMX_BF16) || !(d & AMX_TILE)) return 0;
    __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    return (saved >> 17 & 3) == 3 && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0;
}

const bf16_tiles tg_bf16_amx = {"amx", 1, 8, 1, ready, begin, end, multiply};

#endif
#endif

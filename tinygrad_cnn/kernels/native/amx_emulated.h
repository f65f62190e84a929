/* The AMX instructions that bf16_tiles.c uses, in plain C, under the names of the compiler's intrinsics.
 * They follow Intel's manual number by number, so that what the tests find here holds for the processor. */
#ifndef TG_AMX_EMULATED_H
#define TG_AMX_EMULATED_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    int rows, bytes; /* of each row */
    char row[16][64];
} emulated_tile;

static _Thread_local emulated_tile emulated[8];

static inline void _tile_loadconfig(const void *config)
{
    const uint8_t *c = config;
    memset(emulated, 0, sizeof emulated);
    for (int t = 0; t < 8 && c[0] == 1; t++) emulated[t].rows = c[48 + t], emulated[t].bytes = c[16 + 2 * t];
}

static inline void _tile_release(void) { memset(emulated, 0, sizeof emulated); }
static inline void _tile_zero(int t) { memset(emulated[t].row, 0, sizeof emulated[t].row); }

static inline void _tile_loadd(int t, const void *base, int64_t stride)
{
    _tile_zero(t);
    for (int r = 0; r < emulated[t].rows; r++)
        memcpy(emulated[t].row[r], (const char *)base + r * stride, (size_t)emulated[t].bytes);
}

static inline void _tile_stored(int t, void *base, int64_t stride)
{
    for (int r = 0; r < emulated[t].rows; r++)
        memcpy((char *)base + r * stride, emulated[t].row[r], (size_t)emulated[t].bytes);
}

/* Denormal numbers are zeros, as operands and as results. */
static inline float emulated_flush(float a) { return fabsf(a) < FLT_MIN ? copysignf(0, a) : a; }

static inline float emulated_number(const emulated_tile *t, int row, int at)
{
    uint16_t half;
    memcpy(&half, t->row[row] + 2 * at, 2);
    const uint32_t bits = (uint32_t)half << 16;
    float a;
    memcpy(&a, &bits, 4);
    return emulated_flush(a);
}

/* Each sum adds the first and the second numbers of the pairs apart, then both, then to what the tile holds. */
static inline void _tile_dpbf16ps(int c, int a, int b)
{
    for (int m = 0; m < emulated[c].rows; m++)
        for (int n = 0; n < emulated[c].bytes / 4; n++) {
            float part[2] = {0, 0}, sum;
            for (int k = 0; k < emulated[a].bytes / 4; k++)
                for (int i = 0; i < 2; i++)
                    part[i] = emulated_flush(fmaf(emulated_number(&emulated[a], m, 2 * k + i),
                                                  emulated_number(&emulated[b], k, 2 * n + i), part[i]));
            memcpy(&sum, emulated[c].row[m] + 4 * n, 4);
            sum = emulated_flush(emulated_flush(sum) + emulated_flush(part[0] + part[1]));
            memcpy(emulated[c].row[m] + 4 * n, &sum, 4);
        }
}

#endif

/* Products of bf16 numbers, summed in float32: what an instruction set must offer.  bf16_tiles.c implements it.
 *
 * A bf16 number is the upper half of a float32.  `multiply` works out 32 rows and 16*blocks columns (1 or 2 blocks) of
 *     c[r][n] (+)= sum over k < 32*steps of a[r][k] * b[k][n]
 * a: rows of numbers, `lda` from one row to the next.  b: for each block of 16 columns 16*steps pairs of rows, and in a
 * pair the two numbers of each column side by side.  c: float32, rows `ldc` apart; it is read only if `resume`. */
#ifndef TG_BF16_H
#define TG_BF16_H

#include <stdint.h>

enum { BF16_ROWS = 32, BF16_COLUMNS = 16, BF16_STEP = 32 };

typedef struct {
    const char *name;
    int fastest;         /* also where minimal filtering in float32 is the other choice */
    int worth;           /* see bf16_choice.h: what a product must save to repay rounding and packing */
    int wide;            /* only beside vectors of 64 bytes: who asks for smaller ones gets float32 */
    int (*ready)(void);  /* does this machine run it?  Asks the system for leave where that is needed */
    void (*begin)(void); /* on each thread, before and after any number of products */
    void (*end)(void);
    void (*multiply)(const uint16_t *a, int64_t lda, const uint16_t *b, int64_t steps, int blocks, float *c,
                     int64_t ldc, int resume);
} bf16_tiles;

/* What products of this thread use at this moment, or NULL: float32. */
const bf16_tiles *tg_bf16_in_use(void);

#endif

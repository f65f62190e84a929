/* One instruction set: this file is compiled once for each, with -DTG_ISA=<name> and the compiler's flags for it. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bf16.h"
#include "kernels.h"
#include "threads.h"

#if defined(__AVX512F__)
#define VEC_BYTES 64
#define MANY_REGISTERS 1
#elif defined(__AVX__)
#define VEC_BYTES 32
#define MANY_REGISTERS 0
#elif defined(__aarch64__)
#define VEC_BYTES 16
#define MANY_REGISTERS 1
#else
#define VEC_BYTES 16
#define MANY_REGISTERS 0
#endif

#define INLINE static inline __attribute__((always_inline))
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

#include "denormals.h"
#include "walk.h"

#define root_f32 sqrtf
#define root_f64 sqrt
#define log_f32 logf
#define log_f64 log

#define T float
#define INT int32_t
#define FN(name) PASTE(name, _f32)
#define HAS_BF16 1 /* only float32 arrays are rounded, and only if the user asks */
#include "all.h"
#undef T
#undef INT
#undef FN
#undef HAS_BF16

#define T double
#define INT int64_t
#define FN(name) PASTE(name, _f64)
#define HAS_BF16 0
#include "all.h"

const instruction_set PASTE(tg_isa_, TG_ISA) = {TEXT(TG_ISA), TABLE(_f32), TABLE(_f64)};

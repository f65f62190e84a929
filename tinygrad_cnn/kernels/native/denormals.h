/* Flush to zero: numbers below the smallest normal one (1.2e-38 in float32) count as 0, in operands and in results.
 *
 * The momentum of a weight whose gradient has become 0 decays to the smallest denormal number and stays there, because
 * 0.9 times it rounds to itself; processors take ten times as long for each product with it.  The switch is a bit of
 * each thread's floating-point control register.  The work between the two calls must be in a function that is not
 * inlined, so that no arithmetic moves out of it. */
#define NOINLINE __attribute__((noinline))

#if defined(__x86_64__)
typedef unsigned fp_control;
INLINE fp_control flush_denormals(void)
{
    const fp_control before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040); /* results, operands */
    return before;
}
INLINE void restore_denormals(fp_control before) { __builtin_ia32_ldmxcsr(before); }
#elif defined(__aarch64__)
typedef uint64_t fp_control;
INLINE void restore_denormals(fp_control before) { __asm__ __volatile__("msr fpcr, %0" : : "r"(before) : "memory"); }
INLINE fp_control flush_denormals(void)
{
    fp_control before;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(before) : : "memory");
    restore_denormals(before | (uint64_t)1 << 24);
    return before;
}
#else
typedef int fp_control;
INLINE fp_control flush_denormals(void) { return 0; }
INLINE void restore_denormals(fp_control before) { (void)before; }
#endif

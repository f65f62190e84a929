/* The pool.  Threads start when first needed; a forked child starts its own.  The caller works too, and never waits for
 * a helper that has not begun: `gate` counts who is inside, and is shut before the caller leaves. */
#include "threads.h"

#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define TG_SERIAL 1
#endif

#ifdef __SANITIZE_ADDRESS__
#define CACHE_LIMIT ((size_t)0) /* every job gets memory of its own exact size */
#else
#define CACHE_LIMIT ((size_t)64 << 20) /* larger scratch memory is returned at once */
#endif
#define MAX_THREADS 256

static int wanted = 1;
static char *cache;
static size_t cache_size;

#ifdef TG_SERIAL

static int owner_taken;
static int take_owner(void) { return !__atomic_exchange_n(&owner_taken, 1, __ATOMIC_ACQUIRE); }
static void give_owner(void) { __atomic_store_n(&owner_taken, 0, __ATOMIC_RELEASE); }
void pool_init(void) {}

void pool_run(const lease *l, piece_fn fn, const void *job, int64_t pieces)
{
    for (int64_t p = 0; p < pieces; p++) fn(job, p, l->own);
}

#else

#include <pthread.h>
#include <sched.h>

#define OPEN ((uint64_t)1 << 16)
#define STEP ((uint64_t)1 << 17)
#define INSIDE (OPEN - 1)
#define SPINS 4000

static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER; /* one job at a time */
static pthread_mutex_t bed = PTHREAD_MUTEX_INITIALIZER;   /* helpers without work sleep here */
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static uint64_t gate; /* job number, open?, helpers inside */
static int sleepers, started;
static int64_t next_piece;
static struct {
    piece_fn fn;
    const void *job;
    int64_t pieces;
    char *own;
    size_t slice;
    int threads;
} now;

static int take_owner(void) { return pthread_mutex_trylock(&owner) == 0; }
static void give_owner(void) { pthread_mutex_unlock(&owner); }

static inline void breathe(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static void take_pieces(int me)
{
    char *scratch = now.own + (size_t)me * now.slice;
    for (;;) {
        int64_t p = __atomic_fetch_add(&next_piece, 1, __ATOMIC_RELAXED);
        if (p >= now.pieces) return;
        now.fn(now.job, p, scratch);
    }
}

static uint64_t await_job(uint64_t seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        uint64_t g = __atomic_load_n(&gate, __ATOMIC_ACQUIRE);
        if (g / STEP != seen && (g & OPEN)) return g;
        breathe();
    }
    pthread_mutex_lock(&bed);
    __atomic_fetch_add(&sleepers, 1, __ATOMIC_SEQ_CST);
    uint64_t g;
    while (g = __atomic_load_n(&gate, __ATOMIC_SEQ_CST), g / STEP == seen || !(g & OPEN))
        pthread_cond_wait(&wake, &bed);
    __atomic_fetch_sub(&sleepers, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&bed);
    return g;
}

static void *helper(void *arg)
{
    int me = (int)(intptr_t)arg;
    uint64_t seen = 0;
    for (;;) {
        uint64_t g = await_job(seen);
        seen = g / STEP;
        while ((g & OPEN) && g / STEP == seen) {
            if (!__atomic_compare_exchange_n(&gate, &g, g + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) continue;
            if (me < now.threads) take_pieces(me);
            __atomic_fetch_sub(&gate, 1, __ATOMIC_RELEASE);
            break;
        }
    }
    return NULL;
}

static void start_helpers(int count)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (; started < count; started++) {
        pthread_t id;
        if (pthread_create(&id, &attr, helper, (void *)(intptr_t)(started + 1))) break;
    }
    pthread_attr_destroy(&attr);
}

void pool_run(const lease *l, piece_fn fn, const void *job, int64_t pieces)
{
    int threads = pieces < l->threads ? (int)pieces : l->threads;
    if (threads <= 1) {
        for (int64_t p = 0; p < pieces; p++) fn(job, p, l->own);
        return;
    }
    if (started < threads - 1) start_helpers(threads - 1);
    now.fn = fn, now.job = job, now.pieces = pieces, now.own = l->own, now.slice = l->slice, now.threads = threads;
    __atomic_store_n(&next_piece, 0, __ATOMIC_RELAXED);
    uint64_t g = __atomic_load_n(&gate, __ATOMIC_RELAXED);
    __atomic_store_n(&gate, (g / STEP + 1) * STEP + OPEN, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&sleepers, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&bed);
        pthread_cond_broadcast(&wake);
        pthread_mutex_unlock(&bed);
    }
    take_pieces(0);
    __atomic_fetch_and(&gate, ~OPEN, __ATOMIC_SEQ_CST);
    for (int spin = 0; __atomic_load_n(&gate, __ATOMIC_ACQUIRE) & INSIDE; spin++) {
        if (spin < SPINS) breathe();
        else sched_yield();
    }
}

/* A fork waits for the job in progress; the child has no helpers, and locks nobody holds. */
static void before_fork(void) { pthread_mutex_lock(&owner); }
static void after_fork(void) { pthread_mutex_unlock(&owner); }
static void in_child(void)
{
    pthread_mutex_init(&owner, NULL);
    pthread_mutex_init(&bed, NULL);
    pthread_cond_init(&wake, NULL);
    sleepers = started = 0;
    gate = 0;
}

void pool_init(void)
{
    static int done;
    if (!done) pthread_atfork(before_fork, after_fork, in_child);
    done = 1;
}

#endif

static void release(void)
{
    free(cache);
    cache = NULL;
    cache_size = 0;
}

int pool_open(lease *l, size_t shared, size_t slice, double work)
{
    const double worth_sharing = 1e5; /* in multiply-adds: some microseconds */
    void *base = NULL;
    l->cached = take_owner();
    l->threads = l->cached && work >= worth_sharing ? wanted : 1;
    l->slice = (slice + 127) & ~(size_t)127;
    shared = (shared + 127) & ~(size_t)127;
    size_t bytes = shared + l->slice * (size_t)l->threads + 63;
    if (l->cached && bytes <= cache_size) base = cache;
    else {
        if (l->cached) release();
        base = malloc(bytes);
        if (!base) {
            if (l->cached) give_owner();
            return -1;
        }
        if (l->cached) cache = base, cache_size = bytes;
    }
    l->shared = (char *)(((uintptr_t)base + 63) & ~(uintptr_t)63);
    l->own = l->shared + shared;
    l->base = base;
    return 0;
}

void pool_close(lease *l)
{
    if (!l->cached) free(l->base);
    else {
        if (cache_size > CACHE_LIMIT) release();
        give_owner();
    }
}

void pool_empty(void)
{
    if (!take_owner()) return; /* in use */
    release();
    give_owner();
}

void pool_set_threads(int n) { wanted = n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n; }
int pool_get_threads(void) { return wanted; }

/* Memory for large arrays.
 *
 * Pages fresh from the system cost more than what is computed into them: each is cleared when it is first touched.  So
 * freed memory is kept for the next arrays, up to a bound.  Blocks lie in ranges of pages from mmap.  A header in front
 * of each links it with its neighbours in memory; a free block merges with free neighbours that it touches, and the
 * smallest free block that is large enough serves a request.  So memory freed by arrays of one size serves another, and
 * what a program holds grows little beyond what it uses.  Only large arrays come here: there are few, and looking
 * through all free blocks takes less than a microsecond. */
#include "heap.h"

#include <stdint.h>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#if defined(MAP_ANONYMOUS) && !defined(__SANITIZE_ADDRESS__)

enum { HEADER = 64, SPLIT = 1 << 14 }; /* a remainder below SPLIT stays with its block */
#define HUGE_PAGE ((size_t)2 << 20)

typedef struct block block;
struct block {
    size_t size;           /* with this header */
    block *below, *above;  /* the neighbours in memory, touching or not */
    block *newer, *older;  /* of the free blocks */
    int is_free;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static block *lowest, *newest; /* of all blocks; of the free ones */
static size_t page, limit, kept, used;
static int huge_pages;

static size_t up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }
static char *end_of(block *b) { return (char *)b + b->size; }
static int touch(block *a, block *b) { return a && b && end_of(a) == (char *)b; }

static void enlist(block *b)
{
    b->is_free = 1, b->newer = NULL, b->older = newest;
    if (newest) newest->newer = b;
    newest = b, kept += b->size;
}

static void delist(block *b)
{
    *(b->newer ? &b->newer->older : &newest) = b->older;
    if (b->older) b->older->newer = b->newer;
    b->is_free = 0, kept -= b->size;
}

/* Make a block of `size` bytes at `at`, which follows `below` in memory (the lowest block if that is NULL). */
static block *insert(void *at, size_t size, block *below)
{
    block *b = at, *above = below ? below->above : lowest;
    *b = (block){.size = size, .below = below, .above = above};
    *(below ? &below->above : &lowest) = b;
    if (above) above->below = b;
    return b;
}

static void unlink_block(block *b)
{
    *(b->below ? &b->below->above : &lowest) = b->above;
    if (b->above) b->above->below = b->below;
}

/* Put a block that is not in use among the free ones, as one with free neighbours that it touches. */
static block *merge(block *b)
{
    block *above = b->above, *below = b->below;
    if (touch(b, above) && above->is_free) {
        delist(above), unlink_block(above);
        b->size += above->size;
    }
    if (touch(below, b) && below->is_free) {
        delist(below), unlink_block(b);
        below->size += b->size;
        b = below;
    }
    enlist(b);
    return b;
}

/* Return up to `bytes` from the low end of a free block to the system, in whole pages; how many that was.  What shares
 * its first and its last page with neighbours stays as blocks of its own. */
static size_t cut(block *b, size_t bytes)
{
    char *from = (char *)up((uintptr_t)b, page), *end = end_of(b), *upto = (char *)((uintptr_t)end / page * page);
    if (from >= upto) return 0;
    if (bytes < (size_t)(upto - from)) upto = from + up(bytes, page);
    const size_t gone = (size_t)(upto - from), head = (size_t)(from - (char *)b), tail = (size_t)(end - upto);
    block *below = b->below;
    delist(b), unlink_block(b);
    if (tail) { /* its header is written first: `b` may lie in the pages that go */
        block *rest = insert(upto, tail, below);
        enlist(rest);
    }
    if (head) enlist(insert(b, head, below));
    munmap(from, gone);
    return gone;
}

/* Ask the system for room for a block of `size` bytes, below the lowest block if possible: then both are one. */
static block *grow(size_t size)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    size_t more = up(size, HUGE_PAGE);
    if (lowest && lowest->is_free && lowest->size < size) more = up(size - lowest->size, HUGE_PAGE);
    char *hint = lowest && (uintptr_t)lowest > more ? (char *)lowest - more : NULL;
    char *at = mmap(hint, more, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (at != MAP_FAILED && at != hint) { /* elsewhere: a range of its own, which begins with a huge page */
        munmap(at, more);
        more = up(size, HUGE_PAGE);
        at = mmap(NULL, more + HUGE_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (at != MAP_FAILED) {
            char *start = (char *)up((uintptr_t)at, HUGE_PAGE);
            if (start > at) munmap(at, (size_t)(start - at));
            if (at + HUGE_PAGE > start) munmap(start + more, (size_t)(at + HUGE_PAGE - start));
            at = start;
        }
    }
    if (at == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
    if (huge_pages) madvise(at, more, MADV_HUGEPAGE);
#endif
    block *below = NULL;
    for (block *b = lowest; b && (char *)b < at; b = b->above) below = b;
    block *b = merge(insert(at, more, below));
    return b->size >= size ? b : NULL;
}

static block *best_fit(size_t size)
{
    block *best = NULL;
    for (block *b = newest; b; b = b->older)
        if (b->size >= size && (!best || b->size < best->size)) best = b;
    return best;
}

static size_t release_all(void)
{
    size_t gone = 0;
    for (block *b = lowest, *next; b; b = next) {
        next = b->above;
        if (b->is_free) gone += cut(b, b->size);
    }
    return gone;
}

void *heap_take(size_t bytes)
{
    if (bytes > SIZE_MAX / 2) return NULL;
    const size_t size = up(bytes, HEADER) + HEADER;
    pthread_mutex_lock(&lock);
    block *b = best_fit(size);
    if (!b) b = grow(size);
    if (!b && release_all()) b = grow(size);
    if (b) {
        delist(b);
        if (b->size - size >= SPLIT) { /* take the high end: what is left of the lowest block grows downwards */
            b->size -= size;
            enlist(b);
            b = insert(end_of(b), size, b);
        }
        used += b->size;
    }
    pthread_mutex_unlock(&lock);
    return b ? (char *)b + HEADER : NULL;
}

static block *header(const void *memory) { return (block *)((uintptr_t)memory - HEADER); }

void heap_give(void *memory)
{
    if (!memory) return;
    pthread_mutex_lock(&lock);
    block *b = header(memory);
    used -= b->size;
    b = merge(b);
    if (kept > limit) cut(b, up(kept - limit, HUGE_PAGE));
    pthread_mutex_unlock(&lock);
}

size_t heap_room(const void *memory) { return header(memory)->size - HEADER; }

size_t heap_empty(void)
{
    pthread_mutex_lock(&lock);
    const size_t gone = release_all();
    pthread_mutex_unlock(&lock);
    return gone;
}

/* A fork waits until no thread is inside, so that a child finds the blocks in order and the lock free. */
static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }
static void in_child(void) { pthread_mutex_init(&lock, NULL); }

int heap_open(size_t keep, int huge)
{
    if (!page) pthread_atfork(before_fork, after_fork, in_child);
    page = (size_t)sysconf(_SC_PAGESIZE);
    limit = keep, huge_pages = huge;
    return 1;
}

size_t heap_kept(void) { return kept; }
size_t heap_used(void) { return used; }

#else

int heap_open(size_t keep, int huge) { return (void)keep, (void)huge, 0; }
void *heap_take(size_t bytes) { return (void)bytes, NULL; }
void heap_give(void *memory) { (void)memory; }
size_t heap_room(const void *memory) { return (void)memory, 0; }
size_t heap_empty(void) { return 0; }
size_t heap_kept(void) { return 0; }
size_t heap_used(void) { return 0; }

#endif

/* Memory for large arrays, kept between uses: see heap.c. */
#ifndef TG_HEAP_H
#define TG_HEAP_H

#include <stddef.h>

/* Keep up to `keep` bytes of freed memory, in huge pages where the system allows them if `huge`.  Returns 0 where there
 * is no such memory (no mmap, or AddressSanitizer, which watches malloc only). */
int heap_open(size_t keep, int huge);

void *heap_take(size_t bytes); /* aligned to 64 bytes; NULL without memory */
void heap_give(void *memory);
size_t heap_room(const void *memory); /* how many bytes fit into it: at least what was asked for */
size_t heap_empty(void);              /* return what is kept to the system; how many bytes that was */
size_t heap_kept(void);
size_t heap_used(void);

#endif

/* Everything that depends on the element type T; included once for each. */
/* clang-format off: each uses those before it */
#include "tile.h"
#include "depthwise.h"
#include "filters.h"
#include "few_rows.h"
#include "one_row.h"
#include "winograd_places.h"
#define SIZE 2
#include "winograd.h"
#include "winograd_weights.h"
#undef SIZE
#define SIZE 4
#include "winograd.h"
#include "winograd_weights.h"
#undef SIZE
#include "winograd_choice.h"
#include "groups.h"
#include "group_weights.h"
#include "bf16_choice.h"
#if HAS_BF16
#include "bf16_pack.h"
#include "bf16_conv.h"
#endif
#include "conv.h"
#if HAS_BF16
#include "bf16_weights.h"
#endif
#include "weights.h"
#include "overlap.h"
#include "narrow.h"
#include "smooth.h"
#include "each.h"
#include "rows.h"
#include "group_norm.h"
#include "reduce.h"
#include "gates.h"
#include "arith.h"
#include "pool.h"

#define TABLE(t)                                                                                                       \
    {PASTE(conv2d, t), PASTE(conv2d_dx, t), PASTE(conv2d_dw, t), PASTE(pool2d, t),                                     \
     PASTE(each, t),   PASTE(rowwise, t),   PASTE(columns, t), PASTE(rows, t),    \
     PASTE(group_norm, t), PASTE(arith, t), PASTE(gates, t), PASTE(choose, t), PASTE(reduce, t)}

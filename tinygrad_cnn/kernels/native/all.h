/* Everything that depends on the element type T; included once for each. */
/* clang-format off: each uses those before it */
#include "tile.h"
#include "depthwise.h"
#include "filters.h"
#include "few_rows.h"
#include "one_row.h"
#include "winograd.h"
#include "winograd_weights.h"
#include "conv.h"
#include "weights.h"
#include "narrow.h"
#include "smooth.h"
#include "each.h"
#include "pool.h"

#define TABLE(t)                                                                                                       \
    {PASTE(conv2d, t), PASTE(conv2d_dx, t), PASTE(conv2d_dw, t), PASTE(pool2d, t),                                     \
     PASTE(each, t),   PASTE(rowwise, t),   PASTE(columns, t)}

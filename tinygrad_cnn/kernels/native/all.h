/* Everything that depends on the element type T; included once for each. */
#include "tile.h"
#include "depthwise.h"
#include "conv.h"
#include "each.h"
#include "pool.h"

#define TABLE(t)                                                                                                       \
    {PASTE(conv2d, t), PASTE(conv2d_dx, t), PASTE(conv2d_dw, t), PASTE(pool2d, t), PASTE(each, t), PASTE(rowwise, t), PASTE(columns, t)}

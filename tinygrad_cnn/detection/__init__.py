"""Object detection: boxes and their overlap, suppression, anchors, losses, average precision.

Boxes are (x0, y0, x1, y1): left, top, right and bottom edge, x to the right and y downwards, in any one unit (usually
pixels).  They are edges, not pixels: a box of one pixel is (0, 0, 1, 1), and its area is 1.
"""

from .anchors import Assignment, anchor_boxes, assign_anchors, kmeans_anchors, shape_iou
from .boxes import box_area, box_iou, clip_boxes, convert_boxes
from .coding import decode_boxes, encode_boxes
from .losses import giou_loss, iou_loss
from .metrics import (
    Detections,
    MeanAveragePrecision,
    PrecisionRecall,
    Truths,
    average_precision,
    match_detections,
    mean_average_precision,
)
from .suppression import nms

__all__ = [
    "Assignment", "Detections", "MeanAveragePrecision", "PrecisionRecall", "Truths", "anchor_boxes", "assign_anchors",
    "average_precision", "box_area", "box_iou", "clip_boxes", "convert_boxes", "decode_boxes", "encode_boxes",
    "giou_loss", "iou_loss", "kmeans_anchors", "match_detections", "mean_average_precision", "nms", "shape_iou",
]  # fmt: skip

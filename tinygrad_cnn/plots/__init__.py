"""Pictures of networks and of trainings through matplotlib.  They leave a network as it was."""

from .attribution import grad_cam as grad_cam
from .attribution import grad_cam_map as grad_cam_map
from .attribution import saliency as saliency
from .attribution import saliency_map as saliency_map
from .banks import filters as filters
from .examples import picture as picture
from .landscape import LossSurface as LossSurface
from .landscape import loss_landscape as loss_landscape
from .landscape import loss_surface as loss_surface
from .landscape import random_direction as random_direction
from .lr_range import LRFinder as LRFinder
from .lr_range import lr_finder as lr_finder
from .mistakes import Mistake as Mistake
from .mistakes import mistakes_of as mistakes_of
from .mistakes import most_confused as most_confused
from .receptive import ReceptiveField as ReceptiveField
from .receptive import receptive_field as receptive_field
from .receptive import receptive_field_of as receptive_field_of
from .screen import pyplot as pyplot
from .training import confusion_matrix as confusion_matrix
from .training import curves as curves
from .volumes import FeatureMaps as FeatureMaps
from .volumes import feature_maps as feature_maps
from .volumes import feature_maps_of as feature_maps_of
from .watch import Watch as Watch
from .watch import histograms as histograms

"""Looking inside without pictures: summaries, profiles, the origin of NaN, and whether a model can be trained."""

from .anomalies import AnomalyError as AnomalyError
from .anomalies import anomaly as anomaly
from .chain import explain as explain
from .checkup import Report as Report
from .checkup import doctor as doctor
from .profiler import Profile as Profile
from .profiler import profile as profile
from .sanity import Finding as Finding
from .sanity import SanityError as SanityError
from .sanity import check_forward as check_forward
from .sanity import check_gradients as check_gradients
from .sanity import check_independence as check_independence
from .sanity import check_overfit as check_overfit
from .sanity import check_start_loss as check_start_loss
from .summaries import Summary as Summary
from .summaries import SummaryError as SummaryError
from .summaries import summary as summary
from .telling import Explanation as Explanation

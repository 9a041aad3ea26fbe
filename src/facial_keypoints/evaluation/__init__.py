"""Split samples, measure predictions and select the champion."""

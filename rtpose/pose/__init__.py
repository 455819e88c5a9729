"""People: detectors, lifters, trackers and smoothers, and the estimators made of them."""

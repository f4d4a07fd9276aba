//! Statistics of outcomes and samples.

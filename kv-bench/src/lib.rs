//! Benchmarks of kv-lance. There are none yet: this package holds the place of the workloads, the driver and the
//! report, so that what they depend on stays out of the packages that others build on.

//! Errors of the store, for DataFusion.

use datafusion::error::DataFusionError;

/// The error as it is: whoever gets DataFusion's finds it as the source.
pub(super) fn external(error: kv_api::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

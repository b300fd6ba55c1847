//! Where checkpoints are computed: the one place that chooses.

use crate::error::Result;
use candle_core::Device;

/// The first GPU of a build with the feature `cuda`, where the machine has one; the CPU otherwise. Training stays on the
/// CPU, which its kernels are written for.
pub fn device() -> Result<Device> {
    Ok(Device::cuda_if_available(0)?)
}

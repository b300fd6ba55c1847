//! How much of the latents is noise at each step: flow matching in straight lines (Esser et al. 2024), stepped by Euler.

use crate::error::Result;
use crate::vlm::settings;
use serde::Deserialize;
use std::path::Path;

/// `scheduler_config.json`, as far as FLUX.1 needs it.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Schedule {
    shift: f64,
    use_dynamic_shifting: bool,
    base_shift: f64,
    max_shift: f64,
    base_image_seq_len: f64,
    max_image_seq_len: f64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            shift: 1.0,
            use_dynamic_shifting: false,
            base_shift: 0.5,
            max_shift: 1.15,
            base_image_seq_len: 256.0,
            max_image_seq_len: 4096.0,
        }
    }
}

impl Schedule {
    pub(super) fn load(folder: &Path) -> Result<Self> {
        settings::read(&folder.join("scheduler_config.json"), |value| {
            for key in [
                "invert_sigmas",
                "stochastic_sampling",
                "use_beta_sigmas",
                "use_exponential_sigmas",
                "use_flow_sigmas",
                "use_karras_sigmas",
            ] {
                if value[key] == true {
                    return Err(format!("{key} is not supported; supported: false"));
                }
            }
            if !value["shift_terminal"].is_null() {
                return Err("shift_terminal is not supported; supported: null".to_owned());
            }
            let kind = value["time_shift_type"].as_str().unwrap_or("exponential");
            if kind != "exponential" {
                return Err(format!(
                    "time_shift_type `{kind}` is not supported; supported: exponential"
                ));
            }
            let schedule: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
            if schedule.max_image_seq_len <= schedule.base_image_seq_len || schedule.shift <= 0.0 {
                return Err("its numbers make no schedule".to_owned());
            }
            Ok(schedule)
        })
    }

    /// The share of noise before each of `steps` steps, and 0 after the last; the more `latents` (packed), the longer it
    /// stays high.
    pub(super) fn sigmas(&self, steps: usize, latents: usize) -> Vec<f64> {
        let slope = (self.max_shift - self.base_shift) / (self.max_image_seq_len - self.base_image_seq_len);
        let shift = if self.use_dynamic_shifting {
            (self.base_shift + slope * (latents as f64 - self.base_image_seq_len)).exp()
        } else {
            self.shift
        };
        let even = (0..steps).map(|step| 1.0 - step as f64 / steps as f64);
        even.map(|sigma| shift * sigma / (1.0 + (shift - 1.0) * sigma))
            .chain([0.0])
            .collect()
    }
}

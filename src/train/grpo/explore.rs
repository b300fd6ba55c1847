//! What an auditor finds as it is: rollouts without learning, and the categories that are best asked for.

use super::Training;
use super::bandit::Bandit;
use super::rollout::roll_out;
use crate::config::FocusChoice;
use crate::error::Result;
use crate::probe::Foci;
use crate::row::Category;
use std::collections::BTreeMap;

impl Training {
    /// Rolls out `batches` of images, all categories alike, and learns nothing but what each category yields by reward.
    /// Nothing is written.
    ///
    /// # Errors
    /// As [`Training::go`].
    pub async fn explore(&mut self, batches: u64) -> Result<()> {
        let mut rewards = Vec::new();
        for batch in 0..batches {
            let images = self.next_images();
            let foci = Foci {
                weights: None,
                shared_at: Some(batch),
            };
            let (rollouts, _) = roll_out(&mut self.audit, &self.policy, images, foci, &self.options).await?;
            rewards.extend(
                rollouts
                    .iter()
                    .map(|each| (each.focus, each.strategy, each.worth.reward)),
            );
        }
        self.state.bandit = Bandit::default();
        self.state.bandit.observe(rewards.into_iter());
        Ok(())
    }

    /// How often each category is best asked for, as a prober's `foci`; none where all are asked for alike.
    pub fn foci(&self) -> BTreeMap<String, f64> {
        match self.options.focus {
            FocusChoice::Spread => BTreeMap::new(),
            FocusChoice::Bandit => self.foci_within(self.options.quota, self.options.covered),
        }
    }

    /// The same, so that no category has more than `quota` of the failures and the best `covered` have some.
    pub fn foci_within(&self, quota: f64, covered: usize) -> BTreeMap<String, f64> {
        let weights = self.state.bandit.weights(quota, covered);
        let rounded = |category: Category| (weights[category as usize] * 1000.0).round() / 1000.0;
        let foci = Category::ALL.map(|category| (category.name().to_owned(), rounded(category)));
        foci.into_iter().collect()
    }
}

//! The methods, and the audit that each of them is.

use super::{read, write};
use crate::config::Config;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Probes about each scene, whatever the method.
const PROBES: usize = 6;
/// Scenes of the second round, as a share of the first's.
const AGAIN: usize = 10;

/// Questions of a step of rectification, and labelled scenes at most.
const LESSONS: u64 = 32;
const MOST_LABELLED: u64 = 2_000;

/// A way to look for failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants are their own names")]
pub enum Method {
    FixedSet,
    VisualAttack,
    TextAttack,
    CaptionGeneration,
    PromptRewriting,
    ImageSynthesis,
    ConceptPerturbation,
    PromptedAuditor,
    TrainedAuditor,
    /// The control of rectification: but for one in 32 of its questions, a failure of the fixed set, labelled images alone.
    Nothing,
}

impl Method {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FixedSet => "conventional fixed set",
            Self::VisualAttack => "visual adversarial attack",
            Self::TextAttack => "text attack",
            Self::CaptionGeneration => "caption generation",
            Self::PromptRewriting => "prompt rewriting",
            Self::ImageSynthesis => "image synthesis",
            Self::ConceptPerturbation => "concept perturbation",
            Self::PromptedAuditor => "prompted auditor",
            Self::TrainedAuditor => "trained auditor",
            Self::Nothing => "(labelled images alone)",
        }
    }

    /// For folders.
    const fn folder(self) -> &'static str {
        match self {
            Self::FixedSet | Self::Nothing => "fixed_set",
            Self::VisualAttack => "visual_attack",
            Self::TextAttack => "text_attack",
            Self::CaptionGeneration => "caption",
            Self::PromptRewriting => "rewriting",
            Self::ImageSynthesis => "synthesis",
            Self::ConceptPerturbation => "concept",
            Self::PromptedAuditor => "prompted",
            Self::TrainedAuditor => "trained",
        }
    }

    /// Its section `[[probers]]`: as many probes of a scene as every other's.
    fn prober(self) -> String {
        let kind = self.folder();
        match self {
            Self::FixedSet | Self::Nothing => "kind = 'dataset'".to_owned(),
            Self::TextAttack => {
                format!(
                    "kind = '{kind}'\nstrategies = ['question', 'perturbation']\nprobes = {}",
                    PROBES / 2
                )
            }
            Self::PromptedAuditor | Self::TrainedAuditor => format!(
                "kind = 'prompted'\nmodel = 'auditor'\nprompt = '{{strategy}}: {{focus}}'\n\
                 strategies = ['question', 'edit', 'generation']\nprobes = {}\n\
                 sampling = {{ temperature = 1.0, max_tokens = 80 }}",
                PROBES / 3
            ),
            Self::VisualAttack => format!("kind = '{kind}'\nmodel = 'attacked'\nprobes = {PROBES}"),
            _ => format!("kind = '{kind}'\nprobes = {PROBES}"),
        }
    }
}

/// What is to be reproduced, and how much of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Where the lab's checkpoints are.
    pub data: PathBuf,
    /// Where everything goes.
    #[serde(skip)]
    pub folder: PathBuf,
    /// A trained auditor's checkpoint.
    pub auditor: Option<PathBuf>,
    /// Probes of each method.
    pub budget: usize,
    /// Steps of each rectification.
    pub steps: u64,
    /// Questions that a rectified target is examined on, one a scene.
    pub examined: usize,
    /// Of scenes, probes and training.
    pub seed: u64,
}

impl Plan {
    /// In the order of the table.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        let mut methods = vec![
            Method::FixedSet,
            Method::VisualAttack,
            Method::TextAttack,
            Method::CaptionGeneration,
            Method::PromptRewriting,
            Method::ImageSynthesis,
            Method::ConceptPerturbation,
            Method::PromptedAuditor,
        ];
        methods.extend(self.auditor.is_some().then_some(Method::TrainedAuditor));
        methods.push(Method::Nothing);
        methods
    }

    /// The folder of a method: the control has its own beside the fixed set's tables.
    pub(super) fn folder_of(&self, method: Method) -> PathBuf {
        match method {
            Method::Nothing => self.folder.join("nothing"),
            other => self.folder.join(other.folder()),
        }
    }

    /// Writes the plan down, or makes sure that what lies in the folder is of the same one.
    pub(super) fn keep(&self) -> Result<()> {
        for method in self.methods() {
            let folder = self.folder_of(method);
            std::fs::create_dir_all(&folder).map_err(|error| super::failed("create", &folder, error))?;
        }
        let path = self.folder.join("plan.json");
        match read::<Self>(&path)? {
            None => write(&path, self),
            Some(other)
                if (Self {
                    folder: PathBuf::new(),
                    ..self.clone()
                }) == other =>
            {
                Ok(())
            }
            Some(_) => Err(Error::Training(format!(
                "{} is of another plan: choose another folder, or the same options as then",
                path.display()
            ))),
        }
    }

    /// The scenes that fit the budget.
    pub(super) fn scenes(&self) -> usize {
        (self.budget / PROBES).max(1)
    }

    /// The audit of a method, and the rectification after it.
    pub(super) fn config(&self, method: Method) -> Result<Config> {
        self.parse(
            method,
            "tables",
            self.scenes(),
            0,
            "target",
            "['reference', 'second']",
        )
    }

    /// Another round of the same method on some of the scenes, answered by nobody who costs anything.
    pub(super) fn again(&self, method: Method) -> Result<Config> {
        let scenes = (self.scenes() / AGAIN).max(1);
        self.parse(method, "again", scenes, 1, "nobody", "['nobody_else']")
    }

    fn parse(
        &self,
        method: Method,
        tables: &str,
        scenes: usize,
        round: i32,
        target: &str,
        references: &str,
    ) -> Result<Config> {
        let place = |folder: &Path| folder.display().to_string().replace('\\', "/");
        let (data, own) = (place(&self.data), place(&self.folder_of(method)));
        let of_tables = place(&self.folder.join(method.folder()).join(tables));
        let auditor = match (&self.auditor, method) {
            (Some(auditor), Method::TrainedAuditor) => place(auditor),
            _ => format!("{data}/lab-auditor"),
        };
        // Of a step nearly all questions are the labelled images' where nothing was found.
        let (label, labelled) = match method {
            Method::Nothing => (Method::FixedSet.folder(), 0.97),
            other => (other.folder(), 0.5),
        };
        let Self {
            steps,
            examined,
            seed,
            ..
        } = self;
        let (prober, other) = (method.prober(), seed.wrapping_add(1_000));
        let labelled_scenes = steps.saturating_mul(LESSONS).min(MOST_LABELLED);
        let learning = format!(
            "[rectification]\nrows = 'training'\n\
             params = {{ run = '{label}', failures = 'true', holdout = '0.0' }}\n\
             labelled = {{ url = 'lab://?scenes={labelled_scenes}&seed={seed}&split=train' }}\nlabelled_share = {labelled}\n\
             examined = {{ url = 'lab://?scenes={examined}&seed={other}' }}\noutput = '{own}/rectified'\n\
             steps = {steps}\nbatch = {LESSONS}\nlearning_rate = 5e-5\nexamine_every = {steps}\npatience = 0\n"
        );
        // A mock cannot learn.
        let learning = if target == "target" {
            learning
        } else {
            String::new()
        };
        let text = format!(
            "label = '{label}'\ntables = '{of_tables}'\nseed = {seed}\ntarget = '{target}'\nreferences = {references}\n\
             painter = 'lab'\ndrift_pairs = 0\nanswers = {{ max_tokens = 8 }}\n\
             [source]\nurl = 'lab://?scenes={scenes}&seed={seed}&difficulty=1&questions={PROBES}'\n\
             [models]\ntarget.local.path = '{data}/lab-target'\nattacked.local.path = '{data}/lab-target'\n\
             reference.local.path = '{data}/lab-reference'\nsecond.local.path = '{data}/lab-second'\n\
             auditor.local.path = '{auditor}'\nnobody.mock = {{}}\nnobody_else.mock = {{ name = 'else' }}\n\
             [[probers]]\n{prober}\nround = {round}\n{learning}"
        );
        Config::parse(&text, "the plan of the methods", Path::new(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_a_sound_audit_of_the_same_scenes() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan {
            data: "data".into(),
            folder: folder.path().into(),
            auditor: Some("trained".into()),
            budget: 60,
            steps: 3,
            examined: 10,
            seed: 4,
        };
        let methods = plan.methods();
        assert_eq!(methods.len(), 10);
        for &method in &methods {
            let config = plan.config(method).unwrap();
            assert_eq!(
                config.source.url,
                "lab://?scenes=10&seed=4&difficulty=1&questions=6"
            );
            let prober = &config.probers[0];
            let probes = prober.makes().len() * prober.probes;
            assert!(method.folder() == "fixed_set" || probes == PROBES, "{method:?}");
            let again = plan.again(method).unwrap();
            assert_eq!((again.probers[0].round, again.target.as_str()), (1, "nobody"));
        }
        plan.keep().unwrap();
        plan.keep().unwrap();
        plan.budget = 66;
        assert!(plan.keep().unwrap_err().to_string().contains("another plan"));
    }
}

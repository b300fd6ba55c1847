//! The sections `[[probers]]`: who asks, and how much.

use super::{Config, ModelOptions};
use crate::probe::{Foci, Strategy};
use crate::row::Category;
use crate::source::SourceKind;
use crate::vlm::{Attack, Sampling};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Steps of an attack at most.
const MOST_STEPS: usize = 1_000;

/// Who writes the probes: the auditors, and the rivals that they are held against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProberKind {
    /// The source's own questions: conventional evaluation.
    #[default]
    Dataset,
    /// The lab's templates, edits and captions.
    Lab,
    /// A model that is asked for probes.
    Prompted,
    /// The source's questions on images whose pixels a gradient of a local model has changed by a few levels.
    VisualAttack,
    /// The source's questions misspelt or with a suffix that misleads (`question`), or on images with a wrong answer
    /// written below them (`perturbation`).
    TextAttack,
    /// What a caption names as questions; by `model`, in the lab by the scene without one.
    Caption,
    /// The source's questions in other words; by `model`, or by rules without one.
    Rewriting,
    /// The source's questions on images painted from captions; these by `model`, in the lab by the scene without one.
    Synthesis,
    /// The source's questions on images in which one concept that they name is exchanged.
    Concept,
}

/// A prober and how much it writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProberOptions {
    /// `dataset`, `lab`, `prompted`; `visual_attack`, `text_attack`, `caption`, `rewriting`, `synthesis` or `concept`.
    pub kind: ProberKind,
    /// `prompted`: the name of the model that writes; `caption`, `rewriting`, `synthesis`: of one that may; `visual_attack`:
    /// of the local model that is attacked, the target unless named.
    pub model: String,
    /// How a model that writes draws its words.
    pub sampling: Sampling,
    /// How a model that writes is asked, instead of by this version's own texts: for `prompted` `{strategy}`, `{focus}`,
    /// `{number}` and `{categories}` are filled in, for `rewriting` `{question}` and `{number}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// `prompted`: how often each category is asked for; all equally often where none is named.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub foci: BTreeMap<String, f64>,
    /// `visual_attack`: levels of 255 by which a pixel may change, levels of a step, and steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack: Option<Attack>,
    /// Which pairs are made: `question`, `edit`, `generation`; by `text_attack` `question` and `perturbation`. The others
    /// make one kind.
    pub strategies: Vec<Strategy>,
    /// Probes of each image and strategy; `dataset` asks all questions of the source.
    pub probes: usize,
    /// Another number gives other probes of the same images.
    pub round: i32,
}

impl Default for ProberOptions {
    fn default() -> Self {
        Self {
            kind: ProberKind::Dataset,
            model: String::new(),
            sampling: Sampling {
                temperature: 1.0,
                max_tokens: 256,
                ..Sampling::default()
            },
            prompt: None,
            foci: BTreeMap::new(),
            attack: None,
            strategies: vec![Strategy::Question],
            probes: 4,
            round: 0,
        }
    }
}

impl ProberKind {
    /// The name in configurations and progress.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Lab => "lab",
            Self::Prompted => "prompted",
            Self::VisualAttack => "visual_attack",
            Self::TextAttack => "text_attack",
            Self::Caption => "caption",
            Self::Rewriting => "rewriting",
            Self::Synthesis => "synthesis",
            Self::Concept => "concept",
        }
    }

    /// Whether probes come with the source's truth or the lab's.
    pub(super) fn knows_truth(self) -> bool {
        matches!(
            self,
            Self::Dataset | Self::Lab | Self::VisualAttack | Self::TextAttack | Self::Rewriting
        )
    }

    /// What it can make.
    const fn serves(self) -> &'static [Strategy] {
        match self {
            Self::Dataset => &[Strategy::Dataset],
            Self::Lab | Self::Prompted => &[Strategy::Question, Strategy::Edit, Strategy::Generation],
            Self::VisualAttack => &[Strategy::Perturbation],
            Self::TextAttack => &[Strategy::Question, Strategy::Perturbation],
            Self::Caption | Self::Rewriting => &[Strategy::Question],
            Self::Synthesis => &[Strategy::Generation],
            Self::Concept => &[Strategy::Edit],
        }
    }
}

impl ProberOptions {
    /// What its probes are to be about.
    #[must_use]
    pub fn foci(&self) -> Foci {
        let weight = |category: Category| self.foci.get(category.name()).copied().unwrap_or(0.0);
        Foci {
            weights: (!self.foci.is_empty()).then(|| Category::ALL.map(weight)),
            shared_at: None,
        }
    }

    /// Which pairs it makes: those that are configured, where there is a choice.
    #[must_use]
    pub fn makes(&self) -> Vec<Strategy> {
        match self.kind.serves() {
            [only] => vec![*only],
            _ => self.strategies.clone(),
        }
    }

    /// The name of the model that writes its texts, where one does.
    #[must_use]
    pub fn writer(&self) -> Option<&str> {
        let writes = matches!(
            self.kind,
            ProberKind::Prompted | ProberKind::Caption | ProberKind::Rewriting | ProberKind::Synthesis
        );
        (writes && !self.model.is_empty()).then_some(&self.model)
    }

    /// The name of the model that a visual attack differentiates.
    #[must_use]
    pub fn attacked<'a>(&'a self, target: &'a str) -> &'a str {
        if self.model.is_empty() {
            target
        } else {
            &self.model
        }
    }

    /// What is wrong with it: the option and the problem. It is the prober of that number, from 1.
    pub(super) fn validate(&self, config: &Config, number: usize) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, option: &'static str, problem: String| {
            if !holds {
                problems.push((option, problem));
            }
        };
        let is_lab = config.source.kind() == SourceKind::Lab;
        let unnamed = self.kind == ProberKind::Prompted && self.model.is_empty();
        let unknown = self
            .writer()
            .is_some_and(|name| !config.models.contains_key(name));
        check(
            !unnamed && !unknown,
            "model",
            format!("prober {number} needs `model`, the name of a model that writes the probes"),
        );
        let captions = matches!(self.kind, ProberKind::Caption | ProberKind::Synthesis);
        check(
            !captions || is_lab || self.writer().is_some(),
            "model",
            format!(
                "prober {number} needs `model`, the name of a model that captions: only lab scenes tell what they show"
            ),
        );
        if self.kind == ProberKind::VisualAttack {
            let attacked = self.attacked(&config.target);
            check(
                matches!(config.models.get(attacked), Some(ModelOptions::Local(_))),
                "model",
                format!(
                    "prober {number} needs gradients, and `{attacked}` has none: name a `model` with a section [models.NAME.local]"
                ),
            );
        }
        let Attack { epsilon, step, steps } = self.attack.unwrap_or_default();
        check(
            epsilon > 0 && (1..=epsilon).contains(&step) && (1..=MOST_STEPS).contains(&steps),
            "attack",
            format!(
                "`attack` has an epsilon above 0, a step of 1 to epsilon levels and 1 to {MOST_STEPS} steps, e.g. {{ epsilon = 8, \
                 step = 2, steps = 10 }}"
            ),
        );
        if let Some((name, _)) = self.foci.iter().find(|(name, weight)| {
            Category::parse(name).is_none_or(|known| known.name() != *name)
                || !weight.is_finite()
                || **weight < 0.0
        }) {
            let known = Category::ALL.map(Category::name).join(", ");
            let problem = format!("`foci` gives categories a weight of at least 0, not `{name}`: {known}");
            check(false, "foci", problem);
        }
        check(
            self.kind != ProberKind::Lab || is_lab,
            "",
            "the `lab` prober asks about `lab://` scenes only; use `prompted` here".to_owned(),
        );
        if self.kind == ProberKind::Dataset {
            return problems;
        }
        check(
            self.probes > 0,
            "probes",
            format!("prober {number} needs `probes` of at least 1"),
        );
        let (serves, makes) = (self.kind.serves(), self.makes());
        let names: Vec<String> = serves.iter().map(|each| format!("\"{}\"", each.name())).collect();
        check(
            !makes.is_empty() && makes.iter().all(|each| serves.contains(each)),
            "strategies",
            format!("prober {number} needs `strategies` out of {}", names.join(", ")),
        );
        let draws = |strategy: &Strategy| matches!(strategy, Strategy::Edit | Strategy::Generation);
        check(
            config.painter.is_some() || !makes.iter().any(draws),
            "strategies",
            format!(
                "prober {number} has probes to draw, but no painter: `painter = \"lab\"` or a section `[painter.http]` or `[painter.local]`"
            ),
        );
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn rivals_say_what_they_lack() {
        let text = |source: &str, probers: &str| {
            format!(
                "target = 'small'\nreferences = ['large']\nsource = {{ url = '{source}' }}\nmodels.small.local.path = 'small'\n\
                 models.large.mock = {{}}\n{probers}"
            )
        };
        let problems = |source: &str, probers: &str| match Config::parse(
            &text(source, probers),
            "test",
            Path::new(""),
        ) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        let one = |options: &str| format!("[[probers]]\n{options}\n");
        for sound in [
            "kind = 'visual_attack'",
            "kind = 'text_attack'\nstrategies = ['perturbation']",
            "kind = 'rewriting'",
        ] {
            assert_eq!(problems("photos/*.jpg", &one(sound)), "", "{sound}");
        }
        assert_eq!(
            problems(
                "lab://",
                &("painter = 'lab'\n".to_owned() + &one("kind = 'synthesis'"))
            ),
            ""
        );
        for (lacking, words) in [
            ("kind = 'visual_attack'\nmodel = 'large'", "`large` has none"),
            (
                "kind = 'visual_attack'\nattack = { epsilon = 2, step = 3 }",
                "step of 1 to epsilon",
            ),
            (
                "kind = 'text_attack'\nstrategies = ['edit']",
                "out of \"question\", \"perturbation\"",
            ),
            (
                "kind = 'prompted'\nmodel = 'large'\nstrategies = ['perturbation']",
                "out of \"question\", \"edit\"",
            ),
            ("kind = 'caption'", "a model that captions"),
            ("kind = 'rewriting'\nmodel = 'nobody'", "a model that writes"),
            ("kind = 'concept'", "no painter"),
        ] {
            let found = problems("photos/*.jpg", &one(lacking));
            assert!(found.contains(words), "{lacking}: {found}");
        }
    }
}

//! What a configuration that can be read may still have wrong.

use super::problems::{Problem, line_of};
use super::{Config, ModelOptions, PainterOptions};
use crate::diverge::SemanticOptions;
use crate::probe::CategoryOptions;
use crate::vlm::Sampling;
use std::collections::BTreeSet;

/// Every problem, with its line in the text.
pub(super) fn validate(config: &Config, text: &str) -> Vec<Problem> {
    let mut found = Findings {
        text,
        problems: Vec::new(),
    };
    if config.tables.is_empty() {
        found.add(
            &["tables"],
            "`tables` is empty: name a folder or a bucket, e.g. `tables = \"auditdm-tables\"`",
        );
    }
    for problem in config.source.validate() {
        found.option(&["source"], "[source]", &problem);
    }
    roles(config, &mut found);
    for (name, model) in &config.models {
        check_model(name, model, &mut found);
    }
    probers(config, &mut found);
    let (kind, problems) = match &config.painter {
        None | Some(PainterOptions::Lab) => ("lab", Vec::new()),
        Some(PainterOptions::Http(painter)) => ("http", painter.validate()),
        Some(PainterOptions::Local(painter)) => ("local", painter.validate()),
    };
    for problem in problems {
        found.option(&["painter", kind], "the painter", &problem);
    }
    check_sampling(&["answers"], &config.answers, &mut found);
    for problem in config.breaker.validate() {
        found.option(&["breaker"], "[breaker]", &problem);
    }
    budget(config, &mut found);
    let rectification = config.rectification.iter();
    for problem in rectification.flat_map(|options| options.validate(config)) {
        found.option(&["rectification"], "[rectification]", &problem);
    }
    for problem in config
        .training
        .iter()
        .flat_map(|training| training.validate(config))
    {
        found.option(&["training"], "[training]", &problem);
    }
    if !(0.0..1.0).contains(&config.divergence.agreement) {
        found.add(
            &["divergence", "agreement"],
            "`agreement` is a share from 0 to below 1, e.g. 0.5",
        );
    }
    if !(0.0..1.0).contains(&config.divergence.number_tolerance) {
        found.add(
            &["divergence", "number_tolerance"],
            "`number_tolerance` is a share from 0 to below 1, e.g. 0.05",
        );
    }
    for problem in config
        .divergence
        .semantic
        .iter()
        .flat_map(SemanticOptions::validate)
    {
        found.option(&["divergence", "semantic"], "[divergence.semantic]", &problem);
    }
    let categories = config.categories.iter();
    for problem in categories.flat_map(CategoryOptions::validate) {
        found.option(&["categories"], "[categories]", &problem);
    }
    reward(config, &mut found);
    let pace = &config.pace;
    if pace.batch_images == 0
        || pace.batches_in_flight == 0
        || pace.commit_every_s.is_nan()
        || pace.commit_every_s <= 0.0
        || pace.follow.is_some_and(|poll| poll.duration().is_zero())
    {
        found.add(&["pace"], "the numbers of `[pace]` must be above 0");
    }
    found.problems
}

struct Findings<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn add(&mut self, path: &[&str], message: impl Into<String>) {
        self.problems.push(Problem {
            line: line_of(self.text, path),
            message: message.into(),
        });
    }

    /// A problem that starts with the option's name.
    fn option(&mut self, section: &[&str], whose: &str, problem: &str) {
        let option = problem.split([' ', '.']).next().unwrap_or_default();
        let path: Vec<&str> = section.iter().copied().chain([option]).collect();
        self.add(&path, format!("{whose}: {problem}"));
    }
}

fn roles(config: &Config, found: &mut Findings) {
    let known = || match config.models.len() {
        0 => "there is no `[models.NAME.http]` section".to_owned(),
        _ => format!(
            "known: {}",
            config
                .models
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let mut check = |path: &[&str], role: &str, name: &str| {
        if !config.models.contains_key(name) {
            let problem = if name.is_empty() {
                format!("no {role} is named")
            } else {
                format!("{role} `{name}` is not a model of this file")
            };
            found.add(
                path,
                format!(
                    "{problem} ({}); name one with a section `[models.NAME.http]`, `.local` or `.mock`",
                    known()
                ),
            );
        }
    };
    check(&["target"], "target", &config.target);
    for name in &config.references {
        check(&["references"], "reference", name);
    }
    for name in &config.judges {
        check(&["judges"], "judge", name);
    }
    // The source's own and the lab's questions come with their truth.
    let decided = !config.judges.is_empty() || config.probers.iter().any(|prober| prober.kind.knows_truth());
    if config.references.is_empty() && !decided {
        found.add(
            &["references"],
            "no reference is named and nothing else tells right from wrong: `references = [\"NAME\"]`, or two and \
             more for a consensus, or `judges`",
        );
    }
    if config.references.contains(&config.target) {
        found.add(
            &["references"],
            "the target cannot be its own reference: remove it from `references`",
        );
    }
}

fn check_model(name: &str, model: &ModelOptions, found: &mut Findings) {
    let (kind, problems) = match model {
        ModelOptions::Http(http) => ("http", http.validate()),
        ModelOptions::Mock(mock) => ("mock", mock.validate()),
        ModelOptions::Local(local) if local.path.is_empty() => (
            "local",
            vec!["path is missing: name the checkpoint's folder".to_owned()],
        ),
        ModelOptions::Local(_) => return,
    };
    for problem in problems {
        found.option(&["models", name, kind], &format!("model `{name}`"), &problem);
    }
}

/// Limits in tokens and dollars hold only where the worst case of every call is known.
fn budget(config: &Config, found: &mut Findings) {
    let budget = config.budget();
    for problem in budget.validate() {
        found.option(&["budget"], "[budget]", &problem);
    }
    let unpriced = |input: Option<f64>, output: Option<f64>| {
        budget.usd.is_some() && (input.is_none() || output.is_none())
    };
    let remedy = "has no price, so that a budget in usd cannot hold: set input_usd_per_mtok and \
                  output_usd_per_mtok (0.0 where it is free)";
    let writers: Vec<String> = config
        .probers
        .iter()
        .filter_map(|prober| prober.writer().map(str::to_owned))
        .collect();
    let used: BTreeSet<&String> = [&config.target]
        .into_iter()
        .chain(&config.references)
        .chain(&config.judges)
        .chain(&writers)
        .collect();
    for name in used {
        let Some(ModelOptions::Http(model)) = config.models.get(name) else {
            continue;
        };
        if unpriced(model.input_usd_per_mtok, model.output_usd_per_mtok) {
            found.add(&["models", name, "http"], format!("model `{name}` {remedy}"));
        }
        if budget.is_metered()
            && let Err(problem) = model.longest_answer()
        {
            found.option(&["models", name, "http"], &format!("model `{name}`"), &problem);
        }
    }
    if let Some(PainterOptions::Http(painter)) = &config.painter
        && unpriced(painter.input_usd_per_mtok, painter.output_usd_per_mtok)
    {
        found.add(&["painter", "http"], format!("the painter {remedy}"));
    }
}

/// Without truth it takes two to tell who is right.
fn reward(config: &Config, found: &mut Findings) {
    let Some(reward) = &config.reward else { return };
    for problem in reward.validate() {
        found.option(&["reward"], "[reward]", &problem);
    }
    if config.references.len() < 2 && config.judges.is_empty() {
        found.add(
            &["reward"],
            "rewards are decided without ground truth: name two `references` or more for a consensus, or `judges`",
        );
    }
}

fn check_sampling(path: &[&str], sampling: &Sampling, found: &mut Findings) {
    if sampling.temperature < 0.0 || !sampling.temperature.is_finite() {
        found.add(path, "`temperature` must be 0 (greedy) or above");
    }
    if !(sampling.top_p > 0.0 && sampling.top_p <= 1.0) {
        found.add(path, "`top_p` must be above 0 and at most 1");
    }
    if sampling.max_tokens == 0 {
        found.add(path, "`max_tokens` must be at least 1");
    }
}

fn probers(config: &Config, found: &mut Findings) {
    if config.probers.is_empty() && config.reward.is_none() {
        found.add(
            &["probers"],
            "nobody asks: add `[[probers]]` with `kind = \"dataset\"`, `\"lab\"` or `\"prompted\"`",
        );
    }
    for (at, prober) in config.probers.iter().enumerate() {
        let index = at.to_string();
        check_sampling(&["probers", &index, "sampling"], &prober.sampling, found);
        for (option, problem) in prober.validate(config, at + 1) {
            let path = ["probers", &index, option];
            found.add(&path[..path.len() - usize::from(option.is_empty())], problem);
        }
    }
}

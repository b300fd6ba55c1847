//! `auditdm audit --dry-run`: what the rest of a run would take, in a table.

use super::out::Out;
use crate::audit::Estimate;
use crate::budget::Budget;
use std::io::Write;
use std::process::ExitCode;

pub(super) fn print(estimate: &Estimate, budget: &Budget, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        writeln!(Out, "{}", serde_json::to_string_pretty(estimate)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let dollars = |usd: Option<f64>| usd.map_or("–".to_owned(), |usd| format!("{usd:.4}"));
    writeln!(Out, "To do for {} images; nobody was asked.\n", estimate.images)?;
    writeln!(
        Out,
        "  {:<10} {:<28} {:>9} {:>12} {:>12} {:>10} {:>10}",
        "role", "model", "calls", "tokens in", "tokens out", "USD", "minutes"
    )?;
    for line in &estimate.lines {
        let name: String = line.model.chars().take(28).collect();
        writeln!(
            Out,
            "  {:<10} {name:<28} {:>9.0} {:>12.0} {:>12.0} {:>10} {:>10.1}{}",
            line.role,
            line.calls,
            line.tokens_in,
            line.tokens_out,
            dollars(line.usd),
            line.seconds / 60.0,
            if line.measured { "" } else { "  assumed" },
        )?;
    }
    let (requests, tokens) = (estimate.requests(), estimate.tokens());
    writeln!(
        Out,
        "\n  requests {requests:.0}, tokens {tokens:.0}, USD {}, about {:.1} minutes",
        dollars(estimate.usd),
        estimate.seconds / 60.0
    )?;
    if estimate.lines.iter().any(|line| !line.measured) {
        writeln!(
            Out,
            "  Lines marked as assumed rest on rules of thumb: a second a call, 300 tokens an image, an answer of\n  \
             a quarter of max_tokens. `--preview 10` asks about ten images, and the next estimate goes by them."
        )?;
    }
    let (spent, limits) = (budget.spent(), budget.limits());
    let over = [
        (
            "requests",
            limits.requests.map(|limit| limit as f64),
            requests + spent.requests as f64,
        ),
        (
            "tokens",
            limits.tokens.map(|limit| limit as f64),
            tokens + spent.tokens as f64,
        ),
        ("usd", limits.usd, estimate.usd.unwrap_or_default() + spent.usd),
        ("hours", limits.hours, estimate.seconds / 3_600.0),
    ];
    for (name, limit, estimated) in over {
        if let Some(limit) = limit.filter(|limit| estimated > *limit) {
            writeln!(
                Out,
                "  The budget of {limit} {name} would be used up on the way: raise `{name}` in the section [budget]"
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

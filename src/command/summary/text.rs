//! The summary as a person reads it.

use super::{Share, Summary};
use crate::command::plain::line;
use std::fmt;

/// Of what others wrote, in characters: a megabyte of answer is no summary.
const LONGEST_SHOWN: usize = 200;

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.count, self.of)?;
        if let (Some(low), Some(high)) = (self.low, self.high) {
            let rate = self.count as f64 / self.of as f64;
            write!(
                f,
                " = {:.1} % (95 % interval {:.1}–{:.1} %)",
                rate * 100.0,
                low * 100.0,
                high * 100.0
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "Run {} ({}), tables in {}\n",
            &self.run_id[..8],
            self.status,
            self.tables
        )?;
        let broken = note(self.images_broken, "broken");
        let duplicate = note(self.images_duplicate, "shown twice");
        writeln!(f, "  images             {}{broken}{duplicate}", self.images)?;
        let parse_share = counts.parsed as f64 / counts.probes.max(1) as f64 * 100.0;
        writeln!(
            f,
            "  probes             {} ({} new in this run), {parse_share:.1} % of them with a question",
            counts.probes, self.new_probes
        )?;
        writeln!(
            f,
            "  pairs              {}, {} of them on drawn images; {} drawings refused",
            counts.pairs, counts.drawn, counts.refused_drawings
        )?;
        writeln!(
            f,
            "  verified           {} valid, {} invalid, {} unknown",
            counts.valid, counts.invalid, counts.unknown
        )?;
        writeln!(f, "  target wrong       {}", self.target_wrong)?;
        writeln!(f, "  reference wrong    {}", self.reference_wrong)?;
        if counts.disagreements > 0 {
            writeln!(
                f,
                "  disagreements      {} that nobody verified: name judges or a second reference",
                counts.disagreements
            )?;
        }
        self.mapped(f)?;
        writeln!(f, "  errors to retry    {}", self.postponed)?;
        if self.spent.requests > 0 {
            writeln!(f, "  budget used        {}", self.budget)?;
            let cost = self.cost_usd.map_or_else(
                || "unknown: a price or a token count is missing".to_owned(),
                |cost| format!("{cost:.4} USD"),
            );
            writeln!(f, "  cost               {cost}")?;
        }
        for drift in &self.drift {
            writeln!(f, "  asked again        {drift}")?;
        }
        self.categories(f)?;
        self.costs(f)?;
        self.examples(f)?;
        for broken in &self.broken_slices {
            writeln!(f, "\n  {broken}")?;
        }
        self.next(f)
    }
}

fn note(count: u64, what: &str) -> String {
    if count > 0 {
        format!(", {count} {what}")
    } else {
        String::new()
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

impl Summary {
    /// How the auditor's own words became categories, where they were not the names that it was told.
    fn mapped(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        let (by_rule, by_meaning, unmapped) = (
            counts.categories_by_rule,
            counts.categories_by_meaning,
            counts.categories_unmapped,
        );
        if by_rule + by_meaning + unmapped == 0 {
            return Ok(());
        }
        let said = counts.categories_named + by_rule + by_meaning + unmapped;
        let share = unmapped as f64 / said as f64 * 100.0;
        writeln!(
            f,
            "  own words          {by_rule} categories mapped by rule, {by_meaning} by meaning; {unmapped} of {said} = {share:.1} % unmapped"
        )
    }

    fn categories(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.categories.is_empty() {
            return Ok(());
        }
        let header = (
            "category",
            "pairs",
            "valid",
            "target wrong",
            "interval",
            "reference wrong",
        );
        writeln!(
            f,
            "\n  {:<24} {:>6} {:>6} {:>13} {:>12} {:>16}",
            header.0, header.1, header.2, header.3, header.4, header.5
        )?;
        for line in &self.categories {
            let rate = (line.valid > 0).then(|| line.target_wrong as f64 / line.valid as f64);
            let interval = match (line.low, line.high) {
                (Some(low), Some(high)) => format!("{:.0}–{:.0} %", low * 100.0, high * 100.0),
                _ => "–".to_owned(),
            };
            writeln!(
                f,
                "  {:<24} {:>6} {:>6} {:>6} {:>6} {:>12} {:>16}",
                line.category,
                line.pairs,
                line.valid,
                line.target_wrong,
                percent(rate),
                interval,
                line.reference_wrong
            )?;
        }
        Ok(())
    }

    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.costs.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\n  {:<10} {:<28} {:>8} {:>7} {:>9} {:>9} {:>10} {:>10}",
            "role", "model", "calls", "failed", "p50 ms", "p95 ms", "tokens", "USD"
        )?;
        for line in &self.costs {
            let number = |value: Option<f64>, digits: usize| {
                value.map_or("–".to_owned(), |v| format!("{v:.digits$}"))
            };
            let tokens = line.tokens.map_or("–".to_owned(), |tokens| tokens.to_string());
            let name: String = line.model.chars().take(28).collect();
            writeln!(
                f,
                "  {:<10} {name:<28} {:>8} {:>7} {:>9} {:>9} {tokens:>10} {:>10}",
                line.role,
                line.calls,
                line.failed,
                number(line.p50_ms, 1),
                number(line.p95_ms, 1),
                number(line.cost_usd, 4),
            )?;
        }
        Ok(())
    }

    fn examples(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, example) in self.examples.iter().enumerate() {
            if at == 0 {
                writeln!(f, "\n  The worst examples (target wrong, reference right)")?;
            }
            let answer =
                |text: &Option<String>| line(text.as_deref().unwrap_or("(no answer)"), LONGEST_SHOWN);
            let question = line(&example.question, LONGEST_SHOWN);
            writeln!(f, "  {}. {question} [{}]", at + 1, example.category)?;
            write!(
                f,
                "     target: {}; reference: {}",
                answer(&example.target_answer),
                answer(&example.reference_answers)
            )?;
            if let Some(truth) = &example.truth {
                write!(f, "; truth: {}", line(truth, LONGEST_SHOWN))?;
            }
            let image = line(&example.image, LONGEST_SHOWN);
            writeln!(f, "\n     {image} (probe {})", &example.probe_id[..8])?;
        }
        Ok(())
    }

    fn next(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.tables.as_str() {
            "auditdm-tables" => String::new(),
            elsewhere => format!(" --tables {elsewhere}"),
        };
        let why = format!("why {} calls failed for now; run the audit again", self.postponed);
        let mut next = vec![
            ("weaknesses", "categories ranked by failures"),
            ("failures", "every failure with its image"),
            ("search_success", "which strategy finds failures"),
        ];
        if self.postponed > 0 {
            next.push(("errors", &why));
        }
        writeln!(f, "\n  Next")?;
        for (query, what) in next {
            writeln!(
                f,
                "    {:<width$}  {what}",
                format!("auditdm query {query}{place}"),
                width = 28 + place.len()
            )?;
        }
        writeln!(
            f,
            "    {:<width$}  everything that can be asked",
            "auditdm query --list",
            width = 28 + place.len()
        )
    }
}

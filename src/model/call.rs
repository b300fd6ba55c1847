//! Attempts as rows of the table `calls`, with what they cost.

use super::{Attempt, CallError, ModelCard};
use crate::row::{CallRow, Role, id};

/// One row for every attempt of a call about `subject`.
pub fn calls<'a>(
    run_id: &'a str,
    card: &'a ModelCard,
    role: Role,
    subject: &'a str,
    attempts: &'a [Attempt],
) -> impl Iterator<Item = CallRow> + 'a {
    attempts.iter().enumerate().map(move |(number, attempt)| {
        let started = attempt.started_at.timestamp_micros().to_string();
        let number_text = number.to_string();
        let (status, error) = match &attempt.error {
            None => ("ok", None),
            Some(error @ (CallError::Transient { .. } | CallError::Unsent { .. })) => {
                ("transient", Some(error.to_string()))
            }
            Some(error @ CallError::Refused { .. }) => ("refused", Some(error.to_string())),
            Some(error @ CallError::Fatal { .. }) => ("fatal", Some(error.to_string())),
        };
        CallRow {
            call_id: id([
                run_id,
                &card.model_id,
                role.name(),
                subject,
                &number_text,
                &started,
            ]),
            run_id: run_id.to_owned(),
            model_id: card.model_id.clone(),
            role: role.name().to_owned(),
            subject: subject.to_owned(),
            attempt: number as i32,
            status: status.to_owned(),
            error,
            tokens_in: attempt.tokens_in,
            tokens_out: attempt.tokens_out,
            latency_ms: attempt.latency_ms,
            cost_usd: cost_usd(card, attempt),
            started_at: attempt.started_at,
        }
    })
}

/// What an attempt cost: unknown (never 0) unless tokens and prices are known.
fn cost_usd(card: &ModelCard, attempt: &Attempt) -> Option<f64> {
    let tokens_in = attempt.tokens_in? as f64 * card.input_usd_per_mtok?;
    let tokens_out = attempt.tokens_out? as f64 * card.output_usd_per_mtok?;
    Some((tokens_in + tokens_out) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_cost_is_none() {
        let card = ModelCard::new("http", "m", "1", "", "", "");
        let attempt = Attempt {
            started_at: chrono::DateTime::UNIX_EPOCH,
            latency_ms: 1.0,
            tokens_in: Some(1_000_000),
            tokens_out: Some(500_000),
            error: None,
        };
        assert_eq!(cost_usd(&card, &attempt), None);
        let card = card.with_prices(Some(2.0), Some(4.0));
        assert_eq!(cost_usd(&card, &attempt), Some(4.0));
        let rows: Vec<_> = calls("r", &card, Role::Target, "s", &[attempt.clone(), attempt]).collect();
        assert_ne!(rows[0].call_id, rows[1].call_id);
    }
}

//! Limits hold to the request, whoever asks at the same time.

use super::*;

fn call(tokens: u64, usd: f64) -> Spend {
    Spend {
        requests: 1,
        tokens,
        usd,
    }
}

#[tokio::test]
async fn requests_are_counted_when_they_are_sent() {
    let budget = Budget::new(BudgetOptions {
        requests: Some(3),
        ..BudgetOptions::default()
    });
    budget.resume(call(0, 0.0), Duration::ZERO);
    let first = budget.reserve(call(9, 0.0)).await.unwrap();
    drop(budget.reserve(call(9, 0.0)).await.unwrap());
    first.settle(call(2, 0.0));
    let error = budget.reserve(call(0, 0.0)).await.unwrap_err();
    assert_eq!(
        error,
        "the budget of 3 requests is used up: raise `requests` in the section [budget] and run it again"
    );
    assert_eq!(
        budget.spent(),
        Spend {
            requests: 3,
            tokens: 11,
            usd: 0.0
        }
    );
}

#[tokio::test]
async fn what_is_under_way_may_turn_out_cheaper() {
    let budget = Budget::new(BudgetOptions {
        tokens: Some(100),
        usd: Some(1.0),
        ..BudgetOptions::default()
    });
    let first = budget.reserve(call(80, 0.8)).await.unwrap();
    let waiting = tokio::spawn({
        let budget = budget.clone();
        async move {
            budget
                .reserve(call(80, 0.8))
                .await
                .map(|room| room.settle(call(80, 0.1)))
        }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    first.settle(call(10, 0.1));
    waiting.await.unwrap().unwrap();
    let error = budget.reserve(call(11, 0.0)).await.unwrap_err();
    assert!(
        error.contains("100 tokens (90 are used, and the next call may take 11)"),
        "{error}"
    );
    let error = budget.reserve(call(10, 0.81)).await.unwrap_err();
    assert!(error.contains("raise `usd`"), "{error}");
    assert_eq!(
        budget.to_string(),
        "2 requests, 90 of 100 tokens, 0.2000 of 1 USD"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_never_exceed_a_limit() {
    let budget = Budget::new(BudgetOptions {
        tokens: Some(1_000),
        ..BudgetOptions::default()
    });
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let budget = budget.clone();
        calls.spawn(async move {
            let room = budget.reserve(call(30, 0.0)).await?;
            tokio::task::yield_now().await;
            room.settle(call(20, 0.0));
            Ok::<_, String>(())
        });
    }
    let sent = calls.join_all().await.into_iter().flatten().count() as u64;
    assert_eq!(budget.spent(), call(20 * sent, 0.0).requests_set(sent));
    assert!(
        (48..=49).contains(&sent),
        "{sent}: the last one must fit with its worst case"
    );
}

impl Spend {
    fn requests_set(self, requests: u64) -> Self {
        Self { requests, ..self }
    }
}

#[test]
fn earlier_sittings_use_up_time() {
    let budget = Budget::new(BudgetOptions {
        hours: Some(1.5),
        ..BudgetOptions::default()
    });
    budget.resume(Spend::default(), Duration::from_hours(1));
    assert_eq!(budget.time_left(), Some(Duration::from_mins(30)));
    budget.resume(Spend::default(), Duration::from_hours(1));
    assert_eq!(budget.time_left(), Some(Duration::ZERO));
    assert!(budget.out_of_time().contains("1.5 hours"));
    assert_eq!(Budget::new(BudgetOptions::default()).time_left(), None);
    let wrong = BudgetOptions {
        requests: Some(0),
        tokens: Some(0),
        usd: Some(-1.0),
        hours: Some(f64::NAN),
    };
    assert_eq!(wrong.validate().len(), 4);
    assert!(BudgetOptions::unsaid().validate().is_empty());
}

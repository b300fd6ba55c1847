//! The committed fixtures, each in a form in which people hold the benchmark (`tests/oracles/make_benchmarks.py`).

use crate::benchmark::evaluate::{Evaluated, questions, score};
use crate::benchmark::load::Data;
use crate::benchmark::prompt::Family;
use crate::benchmark::report::Line;
use crate::benchmark::{Benchmark, Question, prediction};
use clap::ValueEnum;
use futures::TryStreamExt;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/benchmarks");

fn data(questions: &str, annotations: Option<&str>, images: Option<&str>) -> Data {
    let place = |name: &str| format!("{FOLDER}/{name}");
    Data {
        questions: place(questions),
        annotations: annotations.map(place),
        images: images.map(place),
    }
}

/// Every fixture: the benchmark, its files, and how many questions it has.
fn fixtures() -> Vec<(Benchmark, Data, usize)> {
    use Benchmark as B;
    let one = |name| data(name, None, None);
    vec![
        (B::VqaV2, one("vqav2.parquet"), 4),
        (
            B::VqaV2,
            data(
                "vqav2/questions.json",
                Some("vqav2/annotations.json"),
                Some("vqav2/val2014"),
            ),
            4,
        ),
        (B::OkVqa, one("okvqa.parquet"), 2),
        (B::Gqa, data("gqa/questions.parquet", None, Some("gqa/images")), 3),
        (B::Gqa, data("gqa/questions.json", None, Some("gqa/images")), 3),
        (B::Ai2d, one("ai2d.parquet"), 2),
        (B::Ai2d, one("ai2d.tsv"), 2),
        (B::DocVqa, one("docvqa.parquet"), 2),
        (B::DocVqa, one("docvqa/val.json"), 2),
        (B::ChartQa, one("chartqa.parquet"), 3),
        (B::RefCoco, one("refcoco.parquet"), 3),
        (
            B::RefCoco,
            data(
                "refcoco/refs.json",
                Some("refcoco/instances.json"),
                Some("vqav2/val2014"),
            ),
            2,
        ),
        (B::CocoCaptions, one("coco_captions.parquet"), 3),
        (
            B::CocoCaptions,
            data("coco_captions/dataset_coco.json", None, Some("vqav2/val2014")),
            2,
        ),
        (B::MmBench, one("mmbench.tsv"), 8),
        (B::Mmt, one("mmt.tsv"), 3),
        (
            B::Seed,
            data("seed/SEED-Bench.json", None, Some("vqav2/val2014")),
            2,
        ),
        (B::Mme, one("mme.parquet"), 6),
        (B::Mmmu, one("mmmu.parquet"), 3),
        (B::MmStar, one("mmstar.parquet"), 2),
        (B::RealWorldQa, one("realworldqa.parquet"), 2),
        (B::Pope, one("pope.parquet"), 4),
        (
            B::Pope,
            data("pope/coco_pope_random.json", None, Some("vqav2/val2014")),
            4,
        ),
    ]
}

async fn read(benchmark: Benchmark, data: Data) -> Vec<Question> {
    let name = data.questions.clone();
    let questions = questions(benchmark.suite(), data, None).await.unwrap();
    questions
        .try_collect()
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn every_format_is_read() {
    let fixtures = fixtures();
    for benchmark in Benchmark::value_variants() {
        assert!(
            fixtures.iter().any(|(of, ..)| of == benchmark),
            "{benchmark:?} has no fixture"
        );
    }
    for (benchmark, data, count) in fixtures {
        let name = data.questions.clone();
        let questions = read(benchmark, data).await;
        assert_eq!(questions.len(), count, "{name}");
        for question in &questions {
            assert!(
                !question.answers.is_empty() || question.target.is_some(),
                "{name}: {question:?}"
            );
            for picture in &question.pictures {
                let bytes = picture
                    .read()
                    .await
                    .unwrap_or_else(|problem| panic!("{name}: {problem}"));
                let decoded = crate::image::decode(&bytes).unwrap();
                assert_eq!(decoded.pixels.dimensions(), (40, 30), "{name}");
            }
            assert!(!question.pictures.is_empty(), "{name}");
            let suite = benchmark.suite();
            for family in [Family::PaliGemma, Family::Chat] {
                assert!(!(suite.prompt)(question, family).is_empty());
            }
        }
    }
}

#[tokio::test]
async fn prompts_by_family() {
    let first = async |benchmark, name: &str| read(benchmark, data(name, None, None)).await.remove(0);
    let prompts = |benchmark: Benchmark, question: &Question| {
        [Family::PaliGemma, Family::Chat].map(|family| (benchmark.suite().prompt)(question, family))
    };
    let question = first(Benchmark::Ai2d, "ai2d.parquet").await;
    assert_eq!(
        prompts(Benchmark::Ai2d, &question),
        [
            "answer en  What does A show? choose from: leaf \t root \t stem \t flower",
            "What does A show?\nA. leaf\nB. root\nC. stem\nD. flower\nAnswer with the option's letter from the given choices \
             directly.",
        ]
    );
    let question = first(Benchmark::RefCoco, "refcoco.parquet").await;
    assert_eq!(prompts(Benchmark::RefCoco, &question)[0], "detect top stripe");
    let question = first(Benchmark::VqaV2, "vqav2.parquet").await;
    assert_eq!(
        prompts(Benchmark::VqaV2, &question),
        [
            "answer en What color is the top?",
            "What color is the top?\nAnswer the question using a single word or phrase.",
        ]
    );
}

#[tokio::test]
async fn what_tables_quote_and_lists_hide() {
    let questions = read(Benchmark::Mmt, data("mmt.tsv", None, None)).await;
    assert_eq!(questions[1].text, "Which one?\nLook \"closely\".");
    assert_eq!(questions[1].options, ["this\tone", "that"]);
    let (own, referred) = (
        questions[0].pictures[0].read().await,
        questions[1].pictures[0].read().await,
    );
    assert_eq!(own.unwrap(), referred.unwrap(), "row 2 has the image of row 1");
    let questions = read(Benchmark::Mmmu, data("mmmu.parquet", None, None)).await;
    assert_eq!(questions[0].options, ["a \"flag\"", "it's art", "3.5"]);
    assert_eq!(questions[1].pictures.len(), 2);
    assert_eq!(questions[2].answers, ["24", "24.0"]);
    assert_eq!(questions[2].category.as_deref(), Some("Math"));
}

async fn predicted(
    benchmark: Benchmark,
    data: Data,
    file: &str,
    rules: Option<&str>,
) -> (Evaluated, Vec<Line>) {
    let suite = benchmark.suite();
    let questions = questions(suite, data, None).await.unwrap();
    let file = format!("{FOLDER}/predictions/{file}.jsonl");
    let asked = prediction::read(&file, questions).await.unwrap();
    let rules = suite.rules(rules, Family::PaliGemma).unwrap();
    let evaluated = score(suite, &asked, &[("file".to_owned(), rules)]).remove(0);
    let lines = (suite.report)(&evaluated.scored, rules);
    (evaluated, lines)
}

/// Figures of the reference evaluators (`tests/oracles/score_benchmarks.py`).
#[tokio::test]
async fn predictions_score_as_in_the_reference_evaluators() {
    use Benchmark as B;
    let one = |name| data(name, None, None);
    for (benchmark, data, file, rules, part, measure, expected) in [
        (
            B::VqaV2,
            one("vqav2.parquet"),
            "vqav2",
            None,
            "overall",
            "accuracy",
            75.0,
        ),
        (
            B::VqaV2,
            one("vqav2.parquet"),
            "vqav2",
            Some("vlmevalkit"),
            "overall",
            "accuracy",
            100.0,
        ),
        (
            B::OkVqa,
            one("okvqa.parquet"),
            "okvqa",
            Some("lmms_okvqa"),
            "overall",
            "accuracy",
            100.0,
        ),
        (
            B::Gqa,
            data("gqa/questions.parquet", None, Some("gqa/images")),
            "gqa",
            None,
            "overall",
            "accuracy",
            200.0 / 3.0,
        ),
        (
            B::Gqa,
            data("gqa/questions.json", None, Some("gqa/images")),
            "gqa",
            Some("lmms"),
            "overall",
            "accuracy",
            100.0,
        ),
        (
            B::DocVqa,
            one("docvqa.parquet"),
            "docvqa",
            None,
            "overall",
            "ANLS",
            ANLS,
        ),
        (
            B::RefCoco,
            one("refcoco.parquet"),
            "refcoco",
            None,
            "overall",
            "accuracy at 0.5",
            200.0 / 3.0,
        ),
        (
            B::CocoCaptions,
            one("coco_captions.parquet"),
            "coco_captions",
            None,
            "overall",
            "CIDEr-D",
            CIDER,
        ),
        (
            B::MmBench,
            one("mmbench.tsv"),
            "mmbench",
            None,
            "overall",
            "circular accuracy",
            50.0,
        ),
        (
            B::MmBench,
            one("mmbench.tsv"),
            "mmbench",
            None,
            "overall",
            "accuracy of the first rotation",
            100.0,
        ),
        (
            B::Seed,
            data("seed/SEED-Bench.json", None, None),
            "seed",
            None,
            "overall",
            "accuracy",
            50.0,
        ),
        (
            B::Mmmu,
            one("mmmu.parquet"),
            "mmmu",
            None,
            "overall",
            "accuracy",
            200.0 / 3.0,
        ),
        (
            B::Pope,
            data("pope/coco_pope_random.json", None, None),
            "pope",
            None,
            "overall",
            "F1",
            50.0,
        ),
    ] {
        let (evaluated, lines) = predicted(benchmark, data, file, rules).await;
        let line = lines
            .iter()
            .find(|line| line.part == part && line.measure == measure)
            .unwrap();
        assert!(
            (line.value - expected).abs() < 1e-6,
            "{benchmark:?} {rules:?}: {} is not {expected}",
            line.value
        );
        let (low, high) = line.interval.unwrap();
        assert!(
            low <= line.value + 1e-9 && line.value <= high + 1e-9,
            "{benchmark:?}: {low} {} {high}",
            line.value
        );
        assert!(evaluated.scored.iter().all(|each| each.score.value.is_finite()));
    }
}

const ANLS: f64 = 83.823_529_411_764_71;
const CIDER: f64 = 193.493_427_639_076_8;

//! An auditor that learns and a target that is mended, as users start them, on the lab's committed checkpoints.

use crate::program::auditdm;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The figures that a step of the training has, without the seconds it took.
const STEPS: &str = "SELECT step, metric, round(value, 9) AS value FROM steps \
                     WHERE metric NOT LIKE '%_s' ORDER BY step, metric";

fn config(folder: &Path) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let text = format!(
        r#"
        label = "training"
        target = "target"
        references = ["reference", "second"]
        painter = "lab"
        source = {{ url = "lab://?scenes=12&seed=9&difficulty=1&split=train" }}
        answers = {{ max_tokens = 8 }}
        [models]
        target.local.path = "{data}/lab-target"
        reference.local.path = "{data}/lab-reference"
        second.local.path = "{data}/lab-second"
        auditor.local.path = "{data}/lab-auditor"
        [[probers]]
        kind = "prompted"
        model = "auditor"
        prompt = "{{strategy}}: {{focus}}"
        strategies = ["question", "edit", "generation"]
        probes = 3
        sampling = {{ temperature = 1.0, max_tokens = 80 }}
        [training]
        output = "trained"
        steps = 4
        images = 2
        learning_rate = 1e-4
        save_every = 1
        kl_coefficient = 0.01
        focus = "bandit"
        invalid = "zero"
        baseline = "batch"
        scale = "batch"
        resample = 0
        [rectification]
        output = "rectified"
        steps = 4
        batch = 16
        examine_every = 2
        learning_rate = 1e-4
        labelled = {{ url = "lab://?scenes=20&seed=4&split=train" }}
        examined = {{ url = "lab://?scenes=30&seed=6" }}
        "#,
        data = data.display()
    );
    std::fs::write(folder.join("audit.toml"), text).unwrap();
}

/// Trains to the end, killed with SIGKILL once the second step is saved where that is wanted.
fn train(folder: &Path, kill: bool) {
    config(folder);
    if kill {
        let mut killed = Command::new(env!("CARGO_BIN_EXE_auditdm"))
            .current_dir(folder)
            .args(["train", "auditor", "audit.toml"])
            .env("CANDLE_NUM_THREADS", "1") // so that the process that is killed is the one that trains
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = folder.join("auditdm-tables/steps/_delta_log");
        let saved = || std::fs::read_dir(&log).map_or(0, Iterator::count) >= 3;
        let mut waited = Duration::ZERO;
        while !saved() && waited < Duration::from_mins(2) {
            std::thread::sleep(Duration::from_millis(50));
            waited += Duration::from_millis(50);
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
    }
    let (code, said, complaint) = auditdm(folder, &["train", "auditor", "audit.toml"]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    assert!(
        said.contains("trained for 4 steps") && said.contains("foci = {"),
        "{said}"
    );
}

#[test]
fn a_killed_training_goes_on_with_the_same_numbers() {
    let [straight, killed] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    train(straight.path(), false);
    train(killed.path(), true);
    let figures = |folder: &Path| {
        let (code, said, complaint) = auditdm(folder, &["query", "--format", "csv", "--sql", STEPS]);
        assert_eq!(code, Some(0), "{complaint}");
        said
    };
    let expected = figures(straight.path());
    assert!(expected.lines().count() > 60, "{expected}");
    assert_eq!(figures(killed.path()), expected);
    let weights = |folder: &Path| std::fs::read(folder.join("trained/model.safetensors")).unwrap();
    assert!(
        weights(killed.path()) == weights(straight.path()),
        "other weights"
    );
    let (code, said, _) = auditdm(straight.path(), &["models", "verify", "trained"]);
    assert_eq!(code, Some(0), "{said}");
}

/// The shortest training that shows it: one fixed seed, questions and captions only, no bound on categories.
#[test]
fn the_reward_rises() {
    let folder = tempfile::tempdir().unwrap();
    config(folder.path());
    let path = folder.path().join("audit.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (plain, quick) in [
        ("scenes=12", "scenes=400"),
        ("\"question\", \"edit\", ", "\"question\", "),
        ("probes = 3", "probes = 6"),
        ("steps = 4\n        images = 2", "steps = 18\n        images = 6"),
        (
            "learning_rate = 1e-4\n        save",
            "learning_rate = 4e-4\n        save",
        ),
        ("save_every = 1", "save_every = 18"),
        (
            "kl_coefficient = 0.01",
            "quota = 1.0\n        learned_share = 0.5\n        updates = 2",
        ),
        (
            "baseline = \"batch\"",
            "baseline = \"past\"\n        novelty = false",
        ),
    ] {
        assert!(text.contains(plain), "{plain}");
        text = text.replacen(plain, quick, 1);
    }
    std::fs::write(&path, text).unwrap();
    let (code, said, complaint) = auditdm(folder.path(), &["train", "auditor", "audit.toml"]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    let rewards = "SELECT avg(value) FILTER (WHERE step < 6) AS first, avg(value) FILTER (WHERE step >= 12) AS last \
                   FROM steps WHERE metric = 'reward'";
    let (code, said, complaint) = auditdm(folder.path(), &["query", "--format", "csv", "--sql", rewards]);
    assert_eq!(code, Some(0), "{complaint}");
    let figures = said.lines().nth(1).unwrap().split(',');
    let figures: Vec<f64> = figures.map(|figure| figure.parse().unwrap()).collect();
    assert!(
        figures[1] > figures[0] + 0.05,
        "from {} to {}",
        figures[0],
        figures[1]
    );
}

#[test]
fn a_target_learns_from_the_rows_of_an_audit() {
    let folder = tempfile::tempdir().unwrap();
    config(folder.path());
    let path = folder.path().join("audit.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let lab = "[[probers]]\n        kind = \"lab\"\n        strategies = [\"question\", \"edit\"]\n        [[probers]]";
    std::fs::write(&path, text.replacen("[[probers]]", lab, 1)).unwrap();
    let (code, said, complaint) = auditdm(folder.path(), &["audit", "audit.toml", "--quiet"]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    let (code, said, complaint) = auditdm(folder.path(), &["rectify", "audit.toml"]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    assert!(
        said.contains("20 labelled images beside them, 30 questions to be examined on")
            && said.contains("| (all) |"),
        "{said}"
    );
    let (code, said, _) = auditdm(folder.path(), &["models", "verify", "rectified"]);
    assert_eq!(code, Some(0), "{said}");
    let again = auditdm(folder.path(), &["rectify", "audit.toml"]);
    assert!(
        again.0 == Some(0) && !again.1.contains("step 1 of"),
        "{}",
        again.1
    );
}

//! The program is killed again and again, and neither its tables nor its bills may show it.
//!
//! Each test kills a few times; `AUDITDM_KILLS=100 cargo test --release kill -- --nocapture` does it properly
//! and prints the figures.

use crate::s3::Bucket;
use crate::server::{Behaviour, Server};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Deaths of a test.
const KILLS: usize = 6;
const IMAGES: u8 = 20;
/// Until a scripted server replies.
const DELAY_MS: u64 = 60;
/// Requests on their way at once, all models and the painter together.
const IN_FLIGHT: usize = 4 + 4 + 4 + 4 + 2;
/// A reply may lie so long in a socket before a busy process comes to read it.
const UNREAD: Duration = Duration::from_millis(300);

/// Where a process may die, before and after; the journal's own and every table that an audit commits to.
const PLACES: [&str; 12] = [
    "models",
    "runs",
    "journal",
    "images",
    "image_bytes",
    "run_probes",
    "probes",
    "answers",
    "calls",
    "verdicts",
    "divergences",
    "discard",
];

/// One line a row: its key, and what a reader relies on.
const ROWS: &str = "
    SELECT 'image' AS kind, concat_ws(' ', image_id, status) AS row FROM images
    UNION ALL SELECT 'bytes', image_id FROM image_bytes
    UNION ALL SELECT 'model', model_id FROM models
    UNION ALL SELECT 'run', concat_ws(' ', run_id, status) FROM runs
    UNION ALL SELECT 'covered', concat_ws(' ', run_id, probe_id) FROM run_probes
    UNION ALL SELECT 'probe', concat_ws(' ', probe_id, pair_id, question) FROM probes
    UNION ALL SELECT 'answer', concat_ws(' ', pair_id, model_id, sample, text) FROM answers
    UNION ALL SELECT 'verdict', concat_ws(' ', probe_id, model_id, judge_id, verdict) FROM verdicts
    UNION ALL SELECT 'divergence', concat_ws(' ', probe_id, target_id, reference_set, judge_set, status) FROM divergences
    UNION ALL SELECT 'call', concat_ws(' ', role, model_id, subject) FROM calls WHERE status = 'ok'
    ORDER BY 1, 2";

/// A deterministic model or painter on a server of its own: what is asked of it twice shows.
struct Stage {
    folder: tempfile::TempDir,
    servers: Vec<Server>,
    /// What an audit that nobody kills leaves, and asks.
    rows: Vec<String>,
    requests: BTreeSet<Asked>,
    environment: Vec<(&'static str, String)>,
}

/// Which server, and the request's body.
type Asked = (usize, Vec<u8>);

#[derive(Default)]
struct Figures {
    kills: usize,
    requests: usize,
    extra: usize,
    cut: usize,
}

impl Stage {
    async fn start() -> Self {
        let slowly = |behaviour| vec![Behaviour::Delay(DELAY_MS, Box::new(behaviour))];
        let auditor = |question: &str| {
            format!("Instruction: add a dot\nQuestion: {question}\nCategory: counting\nAnswer: two")
        };
        let questions = ["How many dots are there?", "Which colour is the dot?"].map(auditor);
        // Target and reference never agree, so that no judge is asked the same thing twice.
        let servers = vec![
            Server::start(slowly(Behaviour::answer_any(&["two", "blue", "three"]))).await,
            Server::start(slowly(Behaviour::answer_any(&["seven", "red"]))).await,
            Server::start(slowly(Behaviour::answer_any(&["CORRECT yes", "INCORRECT no"]))).await,
            Server::start(slowly(Behaviour::Answer(questions.to_vec()))).await,
            Server::start(slowly(Behaviour::Colour)).await,
        ];
        let folder = tempfile::tempdir().unwrap();
        let photos = folder.path().join("photos");
        std::fs::create_dir(&photos).unwrap();
        for at in 0..IMAGES {
            let image = image::RgbImage::from_pixel(16, 16, image::Rgb([at, 255 - at, 7]));
            image.save(photos.join(format!("{at}.png"))).unwrap();
        }
        for (name, commit_every_s) in [("often.toml", 0.1), ("seldom.toml", 5.0)] {
            let model = |name: &str, server: usize| {
                let url = &servers[server].url;
                format!(
                    "[models.{name}.http]\nurl = '{url}'\nmodel = '{name}'\nrevision = '1'\nmax_in_flight = 4\n"
                )
            };
            let config = format!(
                "drift_pairs = 0\ntarget = 'small'\nreferences = ['large']\njudges = ['judge']\n[source]\nurl = 'photos/*.png'\n\
                 {}{}{}{}[painter.http]\nurl = '{}'\nmodel = 'painter'\nrevision = '1'\nmax_in_flight = 2\n\
                 [[probers]]\nkind = 'prompted'\nmodel = 'auditor'\nstrategies = ['question', 'edit']\nprobes = 1\n\
                 [pace]\nbatch_images = 2\nbatches_in_flight = 3\ncommit_every_s = {commit_every_s}\n",
                model("small", 0),
                model("large", 1),
                model("judge", 2),
                model("auditor", 3),
                servers[4].url,
            );
            std::fs::write(folder.path().join(name), config).unwrap();
        }
        let mut stage = Self {
            folder,
            servers,
            rows: Vec::new(),
            requests: BTreeSet::new(),
            environment: Vec::new(),
        };
        assert!(
            stage
                .live(stage.spawn("often.toml", "whole", &[], None), None)
                .is_none()
        );
        stage.rows = stage.rows_of("whole");
        let asked = stage.asked(&[0; 5]);
        stage.requests = asked.keys().cloned().collect();
        assert_eq!(asked.len(), usize::from(IMAGES) * (2 + 1 + 2 + 2 + 4));
        assert!(
            asked.values().all(|times| times.len() == 1),
            "nothing is asked twice"
        );
        stage
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditdm"));
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env("NO_PROXY", "127.0.0.1")
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn spawn(&self, config: &str, tables: &str, more: &[&str], failpoint: Option<&str>) -> Child {
        let mut command = self.program(&[&["audit", config, "--quiet", "--tables", tables], more].concat());
        if let Some(failpoint) = failpoint {
            command.env("AUDITDM_FAILPOINT", failpoint);
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Until the process ends, or is killed after a while; when it died, or none when it came to its end.
    fn live(&self, mut child: Child, kill_after: Option<Duration>) -> Option<Instant> {
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                if status.signal().is_some() {
                    return Some(Instant::now());
                }
                let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
                assert!(status.success(), "{status}: {}", log());
                return None;
            }
            if kill_after.is_some_and(|after| started.elapsed() > after) {
                child.kill().unwrap();
                child.wait().unwrap();
                return Some(Instant::now());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn rows_of(&self, tables: &str) -> Vec<String> {
        let output = self.program(&["query", "--format", "csv", "--tables", tables, "--sql", ROWS]);
        let output = { output }.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// How many requests each server has had.
    fn counts(&self) -> Vec<usize> {
        self.servers
            .iter()
            .map(|server| server.exchanges().len())
            .collect()
    }

    /// Every request since, with the moments of its replies.
    fn asked(&self, since: &[usize]) -> BTreeMap<Asked, Vec<Option<Instant>>> {
        let mut asked = BTreeMap::<Asked, Vec<_>>::new();
        for (at, (server, since)) in self.servers.iter().zip(since).enumerate() {
            for (body, answered) in server.exchanges().split_off(*since) {
                asked.entry((at, body.to_vec())).or_default().push(answered);
            }
        }
        asked
    }

    /// What must hold when the last process has come to its end.
    fn check(&self, tables: &str, since: &[usize], deaths: &[Instant], figures: &mut Figures) {
        let rows = self.rows_of(tables);
        let missing = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|row| !those.contains(row)).cloned().collect()
        };
        let (lost, strange) = (missing(&self.rows, &rows), missing(&rows, &self.rows));
        assert!(
            lost.is_empty() && strange.is_empty(),
            "{tables}: lost {lost:?}, strange {strange:?}"
        );
        let times = |rows: &[String], row: &String| rows.iter().filter(|other| *other == row).count();
        let mut repeated = rows.clone();
        repeated.retain(|row| times(&rows, row) != times(&self.rows, row));
        assert!(repeated.is_empty(), "{tables}: more than once: {repeated:?}");
        let asked = self.asked(since);
        assert!(
            asked.keys().eq(&self.requests),
            "the same is asked, killed or not"
        );
        let mut extra = 0;
        for times in asked.values() {
            let (_, earlier) = times.split_last().unwrap();
            for answered in earlier {
                // Asked again only where the answer cannot have been received.
                let unread = |death: &Instant| answered.is_none_or(|at| at + UNREAD > *death);
                assert!(
                    deaths.iter().any(unread),
                    "an answer was received and asked for again"
                );
                figures.cut += usize::from(answered.is_none());
            }
            extra += earlier.len();
        }
        assert!(
            extra <= deaths.len() * IN_FLIGHT,
            "{extra} extra requests, {} kills",
            deaths.len()
        );
        let left: Vec<_> = walk(self.folder.path())
            .into_iter()
            .filter(|name| name.ends_with(".journal"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        figures.kills += deaths.len();
        figures.extra += extra;
        figures.requests += asked.values().map(Vec::len).sum::<usize>();
    }

    /// Kills one process after another, at places and at moments in turn; whenever an audit has come to
    /// its end, it is checked and the next begins with new tables.
    fn kill(&self, place: &str, kills: usize, quiet: impl Fn(bool)) -> Figures {
        let mut random = StdRng::seed_from_u64(kills as u64);
        let mut places: Vec<String> = PLACES
            .iter()
            .flat_map(|place| ["before", "after"].map(|side| format!("{side} {place} 1")))
            .collect();
        // A few kills see a few of the places, from all over.
        let step = (places.len() * 2).div_ceil(kills).max(1);
        places = places.into_iter().step_by(step).rev().collect();
        let mut figures = Figures::default();
        let mut round = 0;
        while figures.kills < kills {
            round += 1;
            let tables = format!("{place}{round}");
            let config = ["often.toml", "seldom.toml"][round % 2];
            let (since, mut deaths) = (self.counts(), Vec::new());
            quiet(false);
            loop {
                let enough = figures.kills + deaths.len() >= kills;
                let at_a_place = !enough && random.random_bool(0.5);
                let failpoint = at_a_place.then(|| places.pop()).flatten();
                let moment = Duration::from_millis(random.random_range(50..2_000));
                let moment = (!enough && failpoint.is_none()).then_some(moment);
                let died = self.live(self.spawn(config, &tables, &[], failpoint.as_deref()), moment);
                let Some(death) = died else {
                    // Not every place is reached by every process: it is tried again with new tables.
                    places.extend(failpoint);
                    break;
                };
                deaths.push(death);
            }
            quiet(true);
            self.check(&tables, &since, &deaths, &mut figures);
        }
        assert!(
            places.is_empty() || kills < 4 * PLACES.len(),
            "never reached: {places:?}"
        );
        figures
    }

    /// Several processes at once, one of which is killed, until nothing is left to do.
    fn share(&self, place: &str, workers: usize, kills: usize, quiet: impl Fn(bool)) -> Figures {
        let mut random = StdRng::seed_from_u64((workers * kills) as u64);
        let mut figures = Figures::default();
        for round in 0..kills {
            let tables = format!("{place}{workers}-{round}");
            let config = ["often.toml", "seldom.toml"][round % 2];
            let (since, mut deaths) = (self.counts(), Vec::new());
            quiet(false);
            let shares: Vec<String> = (1..=workers)
                .map(|worker| format!("{worker}/{workers}"))
                .collect();
            let share = |worker: usize| ["--worker", &shares[worker]];
            let mut children: Vec<Child> = (0..workers)
                .map(|worker| self.spawn(config, &tables, &share(worker), None))
                .collect();
            let victim = random.random_range(0..workers);
            let moment = Duration::from_millis(random.random_range(100..1_500));
            deaths.extend(self.live(children.swap_remove(victim), Some(moment)));
            let again = self.spawn(config, &tables, &share(victim), None);
            for child in children.into_iter().chain([again]) {
                assert_eq!(self.live(child, None), None);
            }
            let before = self.counts();
            assert_eq!(self.live(self.spawn(config, &tables, &[], None), None), None);
            assert_eq!(self.counts(), before, "the workers have left nothing to do");
            quiet(true);
            self.check(&tables, &since, &deaths, &mut figures);
        }
        figures
    }
}

fn walk(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path.display().to_string()]
            }
        })
        .collect()
}

fn kills() -> usize {
    let asked = std::env::var("AUDITDM_KILLS").ok();
    asked.map_or(KILLS, |kills| kills.parse().unwrap())
}

fn report(what: &str, figures: &Figures, clock: Instant) {
    let Figures {
        kills,
        requests,
        extra,
        cut,
    } = figures;
    eprintln!(
        "{what}: {kills} kills, {requests} requests, {extra} of them extra ({cut} cut off, {} unread), {:.0} s",
        extra - cut,
        clock.elapsed().as_secs_f64()
    );
}

async fn bucket(stage: &mut Stage) -> Bucket {
    let bucket = Bucket::start().await;
    stage.environment = vec![
        ("AWS_ENDPOINT", bucket.url.clone()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
    ];
    bucket
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_on_a_local_disk() {
    let stage = Stage::start().await;
    let clock = Instant::now();
    let figures = stage.kill("local", kills(), |_| {});
    report("local disk", &figures, clock);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_on_s3_that_fails() {
    let mut stage = Stage::start().await;
    let bucket = bucket(&mut stage).await;
    let clock = Instant::now();
    let figures = stage.kill("s3://audits/", kills(), |quiet| bucket.fail(!quiet));
    report("S3", &figures, clock);
    let (requests, faults) = bucket.counts();
    eprintln!("S3: {requests} requests to the bucket, {faults} of them with faults");
    assert!(faults > 10, "{faults} faults in {requests} requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_one_of_several() {
    let mut stage = Stage::start().await;
    // Four processes on a bucket that fails take a minute: only where kills are asked for.
    let thorough = kills() > KILLS;
    for workers in [2, 4].into_iter().filter(|&workers| thorough || workers == 4) {
        let clock = Instant::now();
        let figures = stage.share("local", workers, kills().div_ceil(6), |_| {});
        report(&format!("{workers} processes, local disk"), &figures, clock);
    }
    let bucket = bucket(&mut stage).await;
    for workers in [2, 4].into_iter().filter(|&workers| thorough || workers == 2) {
        let clock = Instant::now();
        let figures = stage.share("s3://audits/", workers, kills().div_ceil(6), |quiet| {
            bucket.fail(!quiet);
        });
        report(&format!("{workers} processes, S3"), &figures, clock);
    }
}

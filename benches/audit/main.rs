//! Whole audits against a scripted server on this machine: requests a second from a folder to committed
//! tables, CPU and memory of the auditing process, and the time to find what is to do.
//!
//! ```text
//! cargo bench --bench audit                      everything; takes about 5 minutes and 3 GB of disk
//! cargo bench --bench audit -- requests stages   some of: requests, stages, memory, todo
//! cargo bench --bench audit -- serve             only the server, e.g. for `benches/peers`
//! cargo bench --bench audit -- photos DIR 1000   only the photographs
//! ```
//! Server and audit are processes of their own (this program again), so that neither's CPU counts as the
//! other's. CPU and memory come from `/proc`; where there is none they are 0.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

#[cfg(not(target_env = "msvc"))]
#[path = "../../src/allocator.rs"]
mod allocator; // as the program
mod photos;
mod server;
mod todo;

use auditdm::audit::{Ended, Run};
use auditdm::config::Config;
use auditdm::row::Role;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Result, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Bytes of a photograph.
const PHOTO_BYTE: usize = 100_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|text| text != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve"] => return runtime(1).block_on(server::serve()),
        ["audit", config] => {
            println!("{}", runtime(0).block_on(audit(Path::new(config))));
            return Ok(());
        }
        ["find", config] => {
            let (took_s, finished) = runtime(0).block_on(todo::find(Path::new(config)));
            println!(
                "{}",
                json!({ "took_s": took_s, "finished": finished, "peak_mb": peak_mb() })
            );
            return Ok(());
        }
        ["photos", folder, count] => {
            let count = count.parse().expect("a number of photographs");
            return photos::write(Path::new(folder), count, PHOTO_BYTE, Some("yes"));
        }
        _ => {}
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.contains(&name);
    let bench = Bench {
        folder: tempfile::tempdir()?,
        server: Server::start()?,
    };
    if wanted("requests") {
        bench.requests()?;
    }
    if wanted("stages") {
        bench.stages()?;
    }
    if wanted("memory") {
        bench.memory()?;
    }
    if wanted("todo") {
        bench.todo()?;
    }
    Ok(())
}

/// Worker threads as in the program, or one where the machine is meant to have time for others.
fn runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build().expect("a runtime")
}

/// One audit in this process, and what it took.
async fn audit(config: &Path) -> Value {
    let config = Config::read(config).unwrap_or_else(|error| panic!("{error}"));
    let mut run = Run::open(config).await.unwrap_or_else(|error| panic!("{error}"));
    let ended = run.go(std::future::pending()).await;
    assert!(matches!(ended, Ok(Ended::Done)), "{ended:?}");
    let progress = &run.audit.progress;
    assert_eq!(progress.postponed.get(), 0, "calls failed");
    // The source's own questions cost no request.
    let models = progress.models.iter().filter(|model| model.role != Role::Prober);
    let asked: Vec<u64> = models.map(|model| model.done.get()).collect();
    json!({
        "requests": asked.iter().sum::<u64>(),
        "slowest": asked.iter().max(),
        "cpu_s": cpu_s(),
        "peak_mb": peak_mb(),
        "read_mb": read_mb(),
    })
}

/// User and system time of this process.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted behind the program's name, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn peak_mb() -> f64 {
    number("/proc/self/status", "VmHWM:") / 1024.0
}

/// What this process read from files and sockets.
fn read_mb() -> f64 {
    number("/proc/self/io", "rchar:") / 1e6
}

fn number(file: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// The server's process, until it is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start() -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(process.stdout.as_mut().expect("it is piped")).read_line(&mut url)?;
        Ok(Self {
            process,
            url: url.trim().to_owned(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A model of a scenario: latency and text.
type Scripted<'a> = (u64, &'a str);

struct Bench {
    folder: tempfile::TempDir,
    server: Server,
}

impl Bench {
    fn requests(&self) -> Result<()> {
        println!(
            "\none model, 64 in flight, 100 KB JPEGs copied into the tables, each process from its start to its end"
        );
        println!("  images  server  look        requests/s  wanted  CPU s/1000  wanted  peak MB");
        for (images, latency_ms, look, wanted) in [
            (1_000, 50, "header", 900),
            (10_000, 50, "header", 900),
            (1_000, 5, "header", 2_500),
            (10_000, 5, "header", 2_500),
            (1_000, 50, "full", 0),
        ] {
            let photos = self.photos(images, PHOTO_BYTE, Some("yes"))?;
            let config = self.config(&photos, look, &[(latency_ms, "yes")], &[]);
            let (wall_s, took) = self.run("audit", &config)?;
            let requests = took["requests"].as_f64().unwrap_or(0.0);
            println!(
                "  {images:>6}  {latency_ms:>3} ms  {look:<10}  {:>10.0}  {wanted:>6}  {:>10.2}  {:>6}  {:>7.0}",
                requests / wall_s,
                took["cpu_s"].as_f64().unwrap_or(0.0) / requests * 1000.0,
                0.5,
                took["peak_mb"].as_f64().unwrap_or(0.0),
            );
            if images == 10_000 && latency_ms == 5 {
                let (again_s, took) = self.run("audit", &config)?;
                println!(
                    "          again, all done: {again_s:.2} s, {} requests, {:.1} MB read of {:.0}",
                    took["requests"],
                    took["read_mb"].as_f64().unwrap_or(0.0),
                    (images * PHOTO_BYTE) as f64 / 1e6
                );
            }
        }
        Ok(())
    }

    fn stages(&self) -> Result<()> {
        println!("\ntarget, two references and a judge at 50, 200, 200 and 800 ms, 64 in flight each");
        let images = 500;
        let photos = self.photos(images, PHOTO_BYTE, None)?;
        let config = self.config(
            &photos,
            "header",
            &[(50, "red"), (200, "blue"), (200, "red")],
            &[(800, "CORRECT")],
        );
        let (wall_s, took) = self.run("audit", &config)?;
        let slowest = took["slowest"].as_f64().unwrap_or(0.0);
        let bound_s = slowest / 64.0 * 0.8;
        println!(
            "  {images} images, {slowest} judgements: {wall_s:.2} s, the judge's bound {bound_s:.2} s: {:+.1} % (wanted: 10 %)",
            (wall_s / bound_s - 1.0) * 100.0
        );
        Ok(())
    }

    fn memory(&self) -> Result<()> {
        println!(
            "\npeak memory by number of images (3 KB each, an auditor, a target and a reference, at 1 ms)"
        );
        let mut peaks = Vec::new();
        for images in [10_000, 100_000] {
            let photos = self.photos(images, 3_000, Some("yes"))?;
            // The folder itself: a file of questions is held in memory.
            let folder = photos.trim_end_matches("questions.jsonl");
            let config = self.config(folder, "full", &[(1, "yes"), (1, "no")], &[]);
            let (wall_s, took) = self.run("audit", &config)?;
            let peak_mb = took["peak_mb"].as_f64().unwrap_or(0.0);
            println!("  {images:>6} images: {peak_mb:.0} MB, {wall_s:.1} s");
            peaks.push(peak_mb);
        }
        println!("  {:+.0} % (wanted: 20 %)", (peaks[1] / peaks[0] - 1.0) * 100.0);
        Ok(())
    }

    fn todo(&self) -> Result<()> {
        println!("\nthe time to find what is to do among a million probes (wanted: 5 s)");
        let config = runtime(0).block_on(todo::fill(self.folder.path()));
        let find = || -> Result<()> {
            let (_, took) = self.run("find", &config.display().to_string())?;
            println!(
                "  {} finished: {:.2} s, peak {:.0} MB",
                took["finished"],
                took["took_s"].as_f64().unwrap_or(0.0),
                took["peak_mb"].as_f64().unwrap_or(0.0)
            );
            Ok(())
        };
        find()?;
        runtime(0).block_on(todo::finish(&config));
        find()
    }

    /// Has the machine hold the memory that the run's files will fill: a virtual machine gives free memory
    /// back to its host, and the first touch of a page then costs ten times the write (2.3 s/GB against 0.2).
    fn warm(&self) -> Result<()> {
        let path = self.folder.path().join("warm");
        let mut file = std::fs::File::create(&path)?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..3 << 10 {
            file.write_all(&zeros)?;
        }
        std::fs::remove_file(path)
    }

    /// A folder of photographs, written once.
    fn photos(&self, count: usize, byte: usize, truth: Option<&str>) -> Result<String> {
        let folder = self
            .folder
            .path()
            .join(format!("{count}-{byte}-{}", truth.is_some()));
        if !folder.exists() {
            photos::write(&folder, count, byte, truth)?;
        }
        Ok(folder.join("questions.jsonl").display().to_string())
    }

    /// A configuration with tables of its own: a file asks its own questions, about a folder an auditor asks.
    fn config(&self, source: &str, look: &str, players: &[Scripted], judges: &[Scripted]) -> String {
        let names = |kind: &str, count: usize| (0..count).map(|at| format!("{kind}{at}")).collect::<Vec<_>>();
        let (player_names, judge_names) = (names("player", players.len()), names("judge", judges.len()));
        let tables = tempfile::tempdir_in(self.folder.path())
            .expect("a folder for tables")
            .keep();
        let asker = "Question:_what_color_is_it*~Category:_color_recognition~Answer:_yes";
        let prober = if Path::new(source).is_file() {
            "kind = \"dataset\""
        } else {
            "kind = \"prompted\"\nmodel = \"asker\"\nstrategies = [\"question\"]\nprobes = 1"
        };
        let head = format!(
            "tables = \"{}\"\ntarget = \"player0\"\nreferences = {:?}\njudges = {judge_names:?}\n\
             copy_bytes = \"all\"\n[source]\nurl = \"{source}\"\ndecode = \"{look}\"\n\
             [[probers]]\n{prober}\n[budget]\nrequests = 10000000\n",
            tables.display(),
            &player_names[1..],
        );
        let all = player_names
            .iter()
            .chain(&judge_names)
            .zip(players.iter().chain(judges));
        let all = all.map(|(name, scripted)| (name.as_str(), *scripted));
        let models = all
            .chain([("asker", (1, asker))])
            .map(|(name, (latency_ms, said))| {
                format!(
                    "[models.{name}.http]\nurl = \"{}/{latency_ms}/{said}/v1\"\nmodel = \"{name}\"\n\
                 revision = \"1\"\nmax_in_flight = 64\n",
                    self.server.url
                )
            });
        let text = head + &models.collect::<String>();
        let path = tables.with_extension("toml");
        std::fs::write(&path, text).expect("a configuration");
        path.display().to_string()
    }

    /// Seconds from start to end of a process that does one of these things, and what it says of itself.
    fn run(&self, task: &str, config: &str) -> Result<(f64, Value)> {
        self.warm()?;
        let clock = Instant::now();
        let output = Command::new(std::env::current_exe()?)
            .args([task, config])
            .env("NO_PROXY", "127.0.0.1")
            .stderr(Stdio::inherit())
            .output()?;
        let wall_s = clock.elapsed().as_secs_f64();
        Ok((wall_s, serde_json::from_slice(&output.stdout)?))
    }
}

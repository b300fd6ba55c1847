//! Time and memory of the networks, for comparison with PyTorch on the same checkpoints (`benches/peers/vlm.py`).
//!
//! `cargo bench --bench vlm -- MODE FOLDER` with MODE `train` (a step of AdamW on a text-only checkpoint), `forward`,
//! `generate` (of PaliGemma or Gemma 3) or `lora` (a step of adapters, and its memory against the sum on paper). Prints one
//! line of JSON. Inputs are formulas that the other side computes as well.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use auditdm::train::Optimiser;
use auditdm::vlm::{
    Batch, Config, Draw, Family, Lora, Network, Prefix, Role, Sequence, Side, Weights, generate_after, ops,
};
use candle_core::{Device, Tensor};
use rayon::ThreadPoolBuilder;
use std::path::Path;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Threads of either side.
const THREADS: usize = 2;

/// Stack of a thread: the backward pass walks its graph by recursion.
const STACK_BYTES: usize = 512 << 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let [mode, folder, rest @ ..] = &arguments[..] else {
        return Ok(()); // `cargo bench` of everything
    };
    ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .stack_size(STACK_BYTES)
        .build_global()?;
    let folder = Path::new(folder);
    let number = |at: usize| rest.get(at).map_or(Ok(1), |text: &String| text.parse::<usize>());
    let (seconds, check, paper) = match mode.as_str() {
        "train" => train(folder, number(0)?, number(1)?)?,
        "forward" => forward(folder)?,
        "generate" => answers(folder)?,
        "lora" => rayon::scope(|_| lora(folder))?, // on a thread with the stack for it
        other => return Err(format!("no mode `{other}`: train, forward, generate, lora").into()),
    };
    let peak = peak_bytes()?;
    let ratio = paper.map(|paper| peak as f64 / paper as f64);
    let line = serde_json::json!({
        "mode": mode, "seconds": seconds, "check": check, "peak_mb": peak >> 20,
        "paper_mb": paper.map(|bytes| bytes >> 20), "peak_to_paper": ratio,
    });
    println!("{line}");
    Ok(())
}

/// Seconds of the quickest of some runs, a number that the other side must find as well, bytes on paper.
type Measured = (f64, f64, Option<usize>);

/// Most memory that this process held, in bytes.
fn peak_bytes() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .ok_or("no VmHWM")?;
    Ok(kib.parse::<usize>()? << 10)
}

/// The shortest of `runs` times, in seconds, and what the last run gave.
fn quickest<T>(runs: usize, mut run: impl FnMut() -> Result<T>) -> Result<(f64, T)> {
    let mut last = run()?; // warm
    let mut shortest = f64::INFINITY;
    for _ in 0..runs {
        let clock = Instant::now();
        last = run()?;
        shortest = shortest.min(clock.elapsed().as_secs_f64());
    }
    Ok((shortest, last))
}

fn id(at: usize, vocabulary: usize) -> u32 {
    (at * 7919 % (vocabulary - 10) + 5) as u32
}

/// Mean cross-entropy of the next token, each row's tokens being those of the formula.
fn text_loss(model: &Network, rows: std::ops::Range<usize>, length: usize) -> Result<Tensor> {
    let vocabulary = model.config().text_config.vocab_size;
    let ids = |row: usize| (0..length).map(move |at| id(row * length + at, vocabulary));
    let ids: Vec<Vec<u32>> = rows.map(|row| ids(row).collect()).collect();
    let labels = ids
        .iter()
        .flat_map(|row| row[1..].iter().map(|&id| i64::from(id)).chain([-100]));
    let labels = Tensor::from_iter(labels.collect::<Vec<_>>(), &Device::Cpu)?;
    let sequence = Sequence::new(vec![vec![Role::Text; length]; ids.len()]);
    let embeds = model.embed(&ids, &model.no_images()?)?;
    let hidden = model.hidden(&embeds, &sequence, None)?.flatten(0, 1)?;
    Ok(ops::cross_entropy(&model.logits(&hidden)?, &labels)?)
}

/// A whole step, half of the batch on each thread as `auditdm lab train` does it.
fn train(folder: &Path, batch: usize, length: usize) -> Result<Measured> {
    let config = Config::load(folder)?;
    let weights = Weights::open(folder, &Device::Cpu)?.trainable();
    let model = Network::new(&config, &weights)?;
    let mut optimiser = Optimiser::adamw(weights.variables());
    let worker = |_| {
        ThreadPoolBuilder::new()
            .num_threads(1)
            .stack_size(STACK_BYTES)
            .build()
    };
    let workers = (0..THREADS)
        .map(worker)
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let step = || -> Result<f64> {
        let share = batch / THREADS;
        let shard = |at: usize| -> Result<(f64, Vec<Vec<f32>>)> {
            let loss = text_loss(&model, at * share..(at + 1) * share, length)?;
            let found = loss.backward()?;
            let gradients = optimiser.variables().iter().map(|(_, variable)| {
                let found = found.get(variable.as_tensor()).ok_or("no gradient")?;
                Ok(found.flatten_all()?.to_vec1()?)
            });
            Ok((
                f64::from(loss.to_scalar::<f32>()?),
                gradients.collect::<Result<_>>()?,
            ))
        };
        let shards: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = workers
                .iter()
                .enumerate()
                .map(|(at, worker)| scope.spawn(move || worker.install(|| shard(at))))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().expect("no shard panics"))
                .collect::<Result<_>>()
        })?;
        let mut losses = 0.0;
        let mut sum: Vec<Vec<f32>> = Vec::new();
        for (loss, gradients) in shards {
            losses += loss / THREADS as f64;
            if sum.is_empty() {
                sum = gradients;
                continue;
            }
            for (sum, gradient) in sum.iter_mut().flatten().zip(gradients.iter().flatten()) {
                *sum = (*sum + gradient) / THREADS as f32;
            }
        }
        optimiser.step(&sum, 1e-4)?;
        Ok(losses)
    };
    let (seconds, loss) = quickest(5, step)?;
    Ok((seconds, loss, None))
}

fn network(folder: &Path) -> Result<Network> {
    Ok(Network::new(
        &Config::load(folder)?,
        &Weights::open(folder, &Device::Cpu)?,
    )?)
}

/// `[N, 3, side, side]`, image by image another wave.
fn pixels(config: &Config, images: usize) -> Result<Tensor> {
    let side = config.vision_config.image_size;
    let values = (0..images * 3 * side * side).map(|at| ((at % 1009) as f32 / 504.5 - 1.0) * 0.9);
    Ok(Tensor::from_iter(values, &Device::Cpu)?.reshape((images, 3, side, side))?)
}

/// Prompts of 16 tokens behind the image's, which stand between marks in a chat.
fn prompts(config: &Config, rows: usize) -> Vec<Vec<u32>> {
    let question = |row: usize| (0..16).map(move |at| id(row * 16 + at, 31_000));
    let mut image = vec![config.image_token_index; config.image_tokens()];
    if config.model_type == Family::Gemma3 {
        image.splice(0..0, [2, config.boi_token_index]);
        image.push(config.eoi_token_index);
    }
    (0..rows)
        .map(|row| image.iter().copied().chain(question(row)).collect())
        .collect()
}

fn batch(config: &Config, prompts: &[Vec<u32>]) -> Batch {
    let rows: Vec<(&[u32], &[u32])> = prompts.iter().map(|prompt| (&prompt[..], &[][..])).collect();
    Batch::new(&rows, 0, Side::Left, |id| config.role(id))
}

/// The last token's logits of four questions on four images.
fn forward(folder: &Path) -> Result<Measured> {
    let model = network(folder)?;
    let (pixels, batch) = (
        pixels(model.config(), 4)?,
        batch(model.config(), &prompts(model.config(), 4)),
    );
    let (seconds, largest) = quickest(5, || {
        let images = model.project(&model.see(&pixels)?)?;
        let hidden = model.hidden(&model.embed(&batch.ids, &images)?, &batch.sequence, None)?;
        let last = hidden.narrow(1, hidden.dim(1)? - 1, 1)?.squeeze(1)?;
        Ok(model.logits(&last)?.max_all()?.to_scalar::<f32>()?)
    })?;
    Ok((seconds, f64::from(largest), None))
}

/// Sixteen tokens for each of sixteen questions, four on each of four images, as a local model answers them: each image
/// is seen once, and read once where the family allows it.
fn answers(folder: &Path) -> Result<Measured> {
    let model = network(folder)?;
    let prompts = prompts(model.config(), 16);
    let shared = Prefix::length(model.config(), &prompts[0]);
    let rests: Vec<Vec<u32>> = prompts.iter().map(|prompt| prompt[shared..].to_vec()).collect();
    let batch = batch(model.config(), &rests);
    let pixels = pixels(model.config(), 4)?;
    let draw = Draw {
        temperature: 0.0,
        top_p: 1.0,
        max_tokens: 16,
        seed: 0,
    };
    let image_of = Tensor::from_iter((0..16u32).map(|row| row / 4), &Device::Cpu)?;
    let (seconds, sum) = quickest(3, || {
        let seen = model.project(&model.see(&pixels)?)?;
        let (mut prefixes, mut images) = (Vec::new(), seen.index_select(&image_of, 0)?);
        if shared > 0 {
            images = model.no_images()?;
            for image in 0..4 {
                let ids = &prompts[image * 4][..shared];
                prefixes.push(Prefix::new(&model, ids, &seen.narrow(0, image, 1)?)?);
            }
        }
        let prefixes: Vec<&Prefix> = prefixes.iter().flat_map(|prefix| [prefix; 4]).collect();
        let rows = generate_after(&model, &prefixes, &batch, &images, &[draw; 16], |_, _| false)?;
        Ok(rows
            .iter()
            .flat_map(|row| &row.token_ids)
            .map(|&id| f64::from(id))
            .sum::<f64>())
    })?;
    Ok((seconds, sum, None))
}

/// A step of adapters on every linear layer of the decoder, four questions on four images.
fn lora(folder: &Path) -> Result<Measured> {
    let config = Config::load(folder)?;
    let names = [
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    ];
    let lora = Lora {
        rank: 8,
        alpha: 16.0,
        targets: names.map(str::to_owned).to_vec(),
    };
    let weights = Weights::open(folder, &Device::Cpu)?.adapted(lora, 1);
    let model = Network::new(&config, &weights)?;
    let parameters = weights.handed_out();
    let trained: usize = weights
        .variables()
        .values()
        .map(|variable| variable.elem_count())
        .sum();
    let mut optimiser = Optimiser::adamw(weights.variables());
    drop(weights); // its mapped files would count as memory
    let (pixels, batch) = (pixels(&config, 4)?, batch(&config, &prompts(&config, 4)));
    let (seconds, loss) = quickest(2, || {
        let images = model.project(&model.see(&pixels)?)?.detach();
        let hidden = model.hidden(&model.embed(&batch.ids, &images)?, &batch.sequence, None)?;
        let last = hidden.narrow(1, hidden.dim(1)? - 8, 8)?.flatten(0, 1)?;
        let labels = Tensor::from_iter((0..32).map(|at| i64::from(id(at, 31_000))), &Device::Cpu)?;
        let loss = ops::cross_entropy(&model.logits(&last)?, &labels)?;
        let found = loss.backward()?;
        let gradients =
            optimiser
                .variables()
                .iter()
                .map(|(_, variable)| match found.get(variable.as_tensor()) {
                    Some(gradient) => Ok(gradient.flatten_all()?.to_vec1()?),
                    None => Ok(vec![0.0; variable.elem_count()]),
                });
        let gradients = gradients.collect::<Result<Vec<_>>>()?;
        optimiser.step(&gradients, 1e-4)?;
        Ok(loss.to_scalar::<f32>()?)
    })?;
    // Kept for the backward pass, a layer and token: in and out of every norm, projection, rotation and activation.
    let text = &config.text_config;
    let (width, inner) = (text.hidden_size, text.intermediate_size);
    let (queries, keys) = (
        text.num_attention_heads * text.head_dim,
        text.num_key_value_heads * text.head_dim,
    );
    // Of each projection: its own output, its adapter's two and their sum.
    let projected = |outputs: usize| 4 * outputs + 8;
    let kept = 6 * width // norms and sums
        + projected(queries) + 2 * projected(keys) + 3 * queries + 4 * keys // with heads apart, turned, attended, joined
        + 2 * projected(width) + 2 * projected(inner) + inner;
    let tokens = batch.ids.len() * batch.sequence.length();
    let numbers = parameters + 3 * trained + tokens * kept * text.num_hidden_layers;
    Ok((seconds, f64::from(loss), Some(numbers * size_of::<f32>())))
}

//! Against a hub of our own on this machine, and against a cache that was filled before.

use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with one model, `org/tiny`.
#[derive(Default)]
struct Served {
    files: BTreeMap<&'static str, Vec<u8>>,
    token: Option<&'static str>,
    /// Files whose first transfer arrives changed.
    spoiled: Mutex<Vec<&'static str>>,
    asked: Mutex<Vec<String>>,
}

async fn serve(State(hub): State<Arc<Served>>, uri: Uri, headers: HeaderMap) -> (StatusCode, Bytes) {
    hub.asked.lock().unwrap().push(uri.path().to_owned());
    let token = headers.get("authorization").and_then(|value| value.to_str().ok());
    if hub
        .token
        .is_some_and(|wanted| token != Some(format!("Bearer {wanted}").as_str()))
    {
        return (StatusCode::UNAUTHORIZED, Bytes::new());
    }
    let path = uri.path();
    if path == "/api/models/org/tiny/revision/main" || path == "/api/models/org/tiny/revision/v1" {
        return (StatusCode::OK, format!(r#"{{"sha":"{COMMIT}"}}"#).into());
    }
    if path == format!("/api/models/org/tiny/tree/{COMMIT}") {
        let listed = hub.files.iter().map(|(name, content)| {
            let hash = hex(&Sha256::digest(content));
            let lfs = name.ends_with(".safetensors").then(|| serde_json::json!({"oid": hash}));
            serde_json::json!({"type": "file", "path": name, "size": content.len(), "oid": &hash[..40], "lfs": lfs})
        });
        return (
            StatusCode::OK,
            serde_json::json!(listed.collect::<Vec<_>>()).to_string().into(),
        );
    }
    let name = path
        .strip_prefix(&format!("/org/tiny/resolve/{COMMIT}/"))
        .unwrap_or_default();
    let Some((name, content)) = hub.files.get_key_value(name) else {
        return (StatusCode::NOT_FOUND, Bytes::new());
    };
    let mut content = content.clone();
    let mut spoiled = hub.spoiled.lock().unwrap();
    if let Some(at) = spoiled.iter().position(|each| each == name) {
        spoiled.remove(at);
        content[0] ^= 1;
    }
    (StatusCode::OK, content.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Starts the hub on a thread of its own, and gives its address.
fn start(hub: &Arc<Served>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(serve).with_state(hub.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    address
}

fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    crate::vlm::write_random(folder.path(), 1);
    let read = |name: &'static str| (name, std::fs::read(folder.path().join(name)).unwrap());
    let mut files = BTreeMap::from(
        [
            "config.json",
            "tokenizer.json",
            "preprocessor_config.json",
            "model.safetensors",
        ]
        .map(read),
    );
    files.insert("pytorch_model.bin", vec![1; 100]);
    files.insert("../outside.json", vec![1; 100]);
    Served {
        files,
        ..Served::default()
    }
}

fn hub(cache: &Path, endpoint: &str) -> Hub {
    Hub {
        cache: cache.to_owned(),
        endpoint: endpoint.to_owned(),
        token: None,
        offline: false,
    }
}

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

#[test]
fn a_model_is_fetched_once_and_then_found() {
    let served = Arc::new(Served {
        spoiled: Mutex::new(vec!["model.safetensors"]),
        ..served()
    });
    let cache = tempfile::tempdir().unwrap();
    let mut hub = hub(cache.path(), &start(&served));
    let folder = hub.folder(&id("org/tiny")).unwrap();
    assert_eq!(
        folder,
        cache.path().join("models--org--tiny/snapshots").join(COMMIT)
    );
    let checkpoint = crate::vlm::Checkpoint::load(&folder, None, &candle_core::Device::Cpu).unwrap();
    assert_eq!(checkpoint.revision.len(), 64);
    assert!(
        !folder.join("pytorch_model.bin").exists(),
        "it is not read by anybody here"
    );
    let asked = served.asked.lock().unwrap().clone();
    let count = |file: &str| asked.iter().filter(|path| path.ends_with(file)).count();
    assert_eq!(
        (count("model.safetensors"), count("config.json")),
        (2, 2),
        "{asked:?}"
    );
    assert!(
        count("outside.json") + count("pytorch_model.bin") == 0,
        "{asked:?}"
    );
    let blobs = std::fs::read_dir(cache.path().join("models--org--tiny/blobs")).unwrap();
    assert_eq!(blobs.count(), 4, "nothing half is left");

    hub.offline = true;
    for name in ["org/tiny", "org/tiny@main", &format!("org/tiny@{COMMIT}")] {
        assert_eq!(hub.folder(&id(name)).unwrap(), folder);
    }
    hub.offline = false;
    assert_eq!(hub.folder(&id("org/tiny@v1")).unwrap(), folder);
    assert_eq!(
        served.asked.lock().unwrap().len(),
        asked.len() + 2,
        "contents are not fetched again"
    );
}

#[test]
fn what_cannot_be_had_is_explained() {
    let cache = tempfile::tempdir().unwrap();
    let mut served = served();
    served.token = Some("secret");
    let served = Arc::new(served);
    let mut hub = hub(cache.path(), &start(&served));
    let problem = |hub: &Hub, name: &str| hub.folder(&id(name)).unwrap_err().to_string();
    let refused = problem(&hub, "org/tiny");
    assert!(
        refused.contains("HF_TOKEN") && !refused.contains("secret"),
        "{refused}"
    );
    hub.token = Some("secret".to_owned());
    assert!(problem(&hub, "org/other").contains("no such model or revision"));
    assert!(hub.folder(&id("org/tiny")).is_ok());

    hub.offline = true;
    let offline = problem(&hub, "org/other@v2");
    assert!(
        offline.contains("`org/other@v2`")
            && offline.contains("models--org--other")
            && offline.contains("HF_HUB_OFFLINE"),
        "{offline}"
    );
    hub.offline = false;
    hub.endpoint = "http://127.0.0.1:9".to_owned();
    let unreachable = problem(&hub, "org/other");
    assert!(
        unreachable.contains("cannot be reached") && unreachable.contains("HF_ENDPOINT"),
        "{unreachable}"
    );
}

#[test]
fn a_content_that_stays_wrong_is_not_kept() {
    let served = Arc::new(Served {
        spoiled: Mutex::new(vec!["model.safetensors"; 3]),
        ..served()
    });
    let cache = tempfile::tempdir().unwrap();
    let hub = hub(cache.path(), &start(&served));
    let problem = hub.folder(&id("org/tiny")).unwrap_err().to_string();
    assert!(
        problem.contains("`model.safetensors`: its content is not"),
        "{problem}"
    );
    let blobs = std::fs::read_dir(cache.path().join("models--org--tiny/blobs")).unwrap();
    assert_eq!(blobs.count(), 0);
    assert!(
        hub.folder(&id("org/tiny")).is_ok(),
        "the next attempt starts anew"
    );
}

#[test]
fn a_cache_that_others_filled_is_used() {
    let cache = tempfile::tempdir().unwrap();
    let model = cache.path().join("models--org--tiny");
    let snapshot = model.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::create_dir_all(model.join("refs")).unwrap();
    std::fs::write(model.join("refs/main"), COMMIT).unwrap();
    let mut hub = hub(cache.path(), "http://127.0.0.1:9");
    hub.offline = true;
    assert!(
        hub.folder(&id("org/tiny")).is_err(),
        "a snapshot without weights is not whole"
    );
    crate::vlm::write_random(&snapshot, 1);
    assert_eq!(hub.folder(&id("org/tiny")).unwrap(), snapshot);
    assert!(hub.folder(&id("org/tiny@v1")).is_err());
    // A name of a commit that leads elsewhere is none.
    std::fs::write(model.join("refs/v1"), "../../elsewhere").unwrap();
    assert!(hub.folder(&id("org/tiny@v1")).is_err());
}

#[test]
fn of_a_painter_its_parts_are_fetched() {
    const PARTS: [&str; 14] = [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "text_encoder_2/config.json",
        "text_encoder_2/model.safetensors",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "tokenizer_2/tokenizer.json",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "flux1-schnell.safetensors",
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/flux/schnell");
    // The last is a copy of the weights in another layout.
    let read = |name: &'static str| {
        (
            name,
            std::fs::read(folder.join(name)).unwrap_or_else(|_| vec![1; 9]),
        )
    };
    let served = Arc::new(Served {
        files: PARTS.map(read).into(),
        ..Served::default()
    });
    let cache = tempfile::tempdir().unwrap();
    let mut hub = hub(cache.path(), &start(&served));
    let folder = hub.folder(&id("org/tiny")).unwrap();
    assert!(crate::flux::Flux::load(&folder, &candle_core::Device::Cpu).is_ok());
    assert!(!folder.join("flux1-schnell.safetensors").exists());
    assert_eq!(crate::flux::Flux::revision(&folder).unwrap().len(), 64);
    hub.offline = true;
    assert_eq!(hub.folder(&id("org/tiny")).unwrap(), folder);
    std::fs::remove_file(folder.join("vae/diffusion_pytorch_model.safetensors")).unwrap();
    assert!(hub.folder(&id("org/tiny")).is_err(), "half a painter is none");
}

//! A painter in this process, from a folder as diffusers saves it to rows of the tables.

use crate::photos::auditdm;
use crate::server::{Behaviour, Server};
use std::path::Path;

fn pipeline(name: &str) -> String {
    format!("{}/tests/data/flux/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn query(folder: &Path, sql: &str) -> String {
    let output = auditdm(folder, &["query", "--format", "csv", "--sql", sql]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_captions_are_painted_into_the_tables() {
    let probe = "Instruction: paint the wall red\nQuestion: Which colour is the wall?\nCategory: color_recognition\nAnswer: red";
    let auditor = Server::start(vec![Behaviour::answer(probe)]).await;
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    for at in 0..2u8 {
        let image = image::RgbImage::from_fn(24, 16, |x, y| {
            image::Rgb([at * 200, (x * 9) as u8, (y * 15) as u8])
        });
        image.save(photos.join(format!("{at}.png"))).unwrap();
    }
    let config = |painter: &str| {
        format!(
            "drift_pairs = 0\ntarget = 'small'\nreferences = ['large']\n[source]\nurl = 'photos/*.png'\n\
             [models.small.mock]\n[models.large.mock]\nseed = 2\n[models.auditor.http]\nurl = '{}'\nmodel = 'a'\nrevision = '1'\n\
             [painter.local]\npath = '{}'\nsteps = 2\nsize = '32x32'\n\
             [[probers]]\nkind = 'prompted'\nmodel = 'auditor'\nstrategies = ['edit', 'generation']\nprobes = 1\n",
            auditor.url,
            pipeline(painter)
        )
    };
    std::fs::write(folder.path().join("audit.toml"), config("kontext")).unwrap();
    std::fs::write(folder.path().join("captions.toml"), config("schnell")).unwrap();
    let path = folder.path().to_owned();
    let run = move |arguments: Vec<&'static str>| {
        let path = path.clone();
        tokio::task::spawn_blocking(move || auditdm(&path, &arguments))
    };
    let output = run(vec!["audit", "audit.toml", "--json"]).await.unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    let painted = query(
        folder.path(),
        "SELECT images.operation, images.width, images.height, images.format, models.kind, count(*)
         FROM images JOIN models ON models.model_id = images.painter_id
         JOIN image_bytes ON image_bytes.image_id = images.image_id GROUP BY 1, 2, 3, 4, 5 ORDER BY 1",
    );
    let rows: Vec<&str> = painted.lines().skip(1).collect();
    assert_eq!(
        rows,
        ["edited,32,24,png,painter,2", "generated,32,32,png,painter,2"]
    );
    let calls = query(
        folder.path(),
        "SELECT status, count(*), min(latency_ms) > 0 FROM calls WHERE role = 'painter' GROUP BY 1",
    );
    assert_eq!(calls.lines().nth(1), Some("ok,4,true"));
    assert_eq!(
        query(folder.path(), "SELECT count(*) FROM answers")
            .lines()
            .nth(1),
        Some("8")
    );

    let images = "SELECT image_id FROM images WHERE painter_id IS NOT NULL ORDER BY 1";
    let first = query(folder.path(), images);
    let again = run(vec!["audit", "audit.toml", "--quiet", "--tables", "again"])
        .await
        .unwrap();
    assert!(again.status.success());
    let there = auditdm(
        folder.path(),
        &["query", "--format", "csv", "--tables", "again", "--sql", images],
    );
    assert_eq!(
        String::from_utf8_lossy(&there.stdout),
        first,
        "the same configuration, the same images"
    );

    let refused = run(vec!["audit", "captions.toml", "--tables", "captions"])
        .await
        .unwrap();
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && complaint.contains("`edit`"),
        "{complaint}"
    );
}

#[test]
fn a_painter_is_verified_by_the_program() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["kontext", "schnell"] {
        let pipeline = pipeline(name);
        let fixture = format!("{pipeline}/fixture.safetensors");
        let verify = |tolerance: &str| {
            auditdm(
                folder.path(),
                &[
                    "models",
                    "verify",
                    &pipeline,
                    "--fixture",
                    &fixture,
                    "--tolerance",
                    tolerance,
                ],
            )
        };
        let (passed, failed) = (verify("1e-3"), verify("1e-12"));
        assert_eq!((passed.status.code(), failed.status.code()), (Some(0), Some(1)));
        let report = String::from_utf8_lossy(&passed.stdout).into_owned();
        assert!(
            report.contains("painted") && report.contains("passed at a tolerance of 1e-3"),
            "{report}"
        );
    }
}

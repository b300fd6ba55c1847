//! A folder as people have them: nested, rotated, cut, misnamed.

use crate::image::decode;
use crate::source::{Found, SourceOptions, open};
use ::image::{ImageFormat, RgbImage};
use futures::TryStreamExt;
use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, SystemTime};

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::new(32, 24).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn write(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Good, bad and hidden files.
fn photos() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = encoded(ImageFormat::Jpeg);
    write(folder.path(), "se/12/a b#1%.JPG", &jpeg);
    write(folder.path(), "se/12/cut.jpg", &jpeg[..jpeg.len() / 2]);
    write(folder.path(), "se/7/b.png", &encoded(ImageFormat::Png));
    write(folder.path(), "fr/3/c.webp", &encoded(ImageFormat::WebP));
    write(folder.path(), "fr/3/text.jpg", b"not an image");
    write(folder.path(), "fr/3/notes.txt", b"notes");
    write(folder.path(), "fr/.cache/d.jpg", &jpeg);
    write(folder.path(), "se-old/._e.jpg", &jpeg);
    write(folder.path(), "se-old/9/e.jpg", &jpeg);
    folder
}

fn at(folder: &tempfile::TempDir, below: &str) -> SourceOptions {
    SourceOptions {
        url: format!("{}{below}", folder.path().display()),
        ..SourceOptions::default()
    }
}

async fn list(options: &SourceOptions) -> Vec<Found> {
    open(options).await.unwrap().try_collect().await.unwrap()
}

async fn problem(options: &SourceOptions) -> String {
    match open(options).await {
        Ok(_) => panic!("{options:?} opened"),
        Err(error) => error.to_string(),
    }
}

fn names(found: &[Found]) -> Vec<String> {
    found
        .iter()
        .map(|each| each.uri.rsplit('/').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_folder_is_listed_by_path_and_bad_files_stop_nothing() {
    let folder = photos();
    let found = list(&at(&folder, "")).await;
    let expected = [
        "c.webp",
        "text.jpg",
        "e.jpg",
        "a%20b%231%25.JPG",
        "cut.jpg",
        "b.png",
    ];
    assert_eq!(names(&found), expected);
    assert!(
        found
            .iter()
            .all(|each| each.uri.starts_with("file:///") && each.etag.is_some())
    );

    let mut outcomes = Vec::new();
    for each in &found {
        let bytes = (each.read)().await.unwrap();
        outcomes.push(decode(&bytes).map_or_else(|error| error.to_string(), |image| image.format.to_owned()));
    }
    let text = "not a JPEG, PNG or WebP image: the content looks like text";
    assert_eq!(
        outcomes,
        ["webp", text, "jpeg", "jpeg", "truncated jpeg image", "png"]
    );

    // Each address is a source of its own, and reads the same bytes.
    let again = list(&SourceOptions {
        url: found[3].uri.clone(),
        ..SourceOptions::default()
    })
    .await;
    assert_eq!((again.len(), &again[0].uri), (1, &found[3].uri));
}

#[tokio::test]
async fn files_that_vanish_or_are_too_big_are_told_in_words() {
    let folder = photos();
    let options = SourceOptions {
        max_bytes: 20,
        ..at(&folder, "/se")
    };
    let found = list(&options).await;
    let error = (found[0].read)().await.unwrap_err();
    assert!(error.contains("too big: the limit is 20"), "{error}");
    std::fs::remove_file(folder.path().join("se/12/a b#1%.JPG")).unwrap();
    assert!(
        (found[0].read)()
            .await
            .unwrap_err()
            .contains("cannot read the file")
    );
}

#[tokio::test]
async fn placeholders_become_columns_and_the_licence() {
    let folder = photos();
    let found = list(&at(&folder, "/{country}/{license}/*.{JPG,png}")).await;
    assert_eq!(names(&found), ["a%20b%231%25.JPG", "b.png"]);
    assert_eq!(
        serde_json::to_string(&found[0].attributes).unwrap(),
        r#"{"country":"se","license":"12"}"#
    );
    assert_eq!(found[0].licence.as_deref(), Some("12"));
    let options = SourceOptions {
        licence: Some("CC0".to_owned()),
        ..at(&folder, "/fr/**/*.webp")
    };
    assert_eq!(list(&options).await[0].licence.as_deref(), Some("CC0"));
}

#[tokio::test]
async fn old_files_are_left_out() {
    let folder = photos();
    let long_ago = SystemTime::now() - Duration::from_hours(40 * 24);
    let old = folder.path().join("fr/3/c.webp");
    std::fs::File::options()
        .write(true)
        .open(old)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let options = SourceOptions {
        modified_within: Some("30d".parse().unwrap()),
        ..at(&folder, "/fr")
    };
    assert_eq!(names(&list(&options).await), ["text.jpg"]);
    let options = SourceOptions {
        url: format!("{}/*.webp", options.url.clone() + "/3"),
        ..options
    };
    assert!(
        problem(&options)
            .await
            .contains("1 files, but none changed within 30d")
    );
}

#[tokio::test]
async fn samples_are_stable_and_balanced() {
    let folder = photos();
    let options = SourceOptions {
        sample: Some(3),
        seed: 5,
        ..at(&folder, "/{country}/**")
    };
    let drawn = names(&list(&options).await);
    assert_eq!((drawn.len(), &names(&list(&options).await)), (3, &drawn));
    let balanced = SourceOptions {
        balance_by: Some("country".to_owned()),
        ..options.clone()
    };
    let found = list(&balanced).await;
    let countries: Vec<_> = found
        .iter()
        .map(|each| each.attributes["country"].as_str().unwrap())
        .collect();
    assert_eq!(countries, ["fr", "se-old", "se"]);
    let wrong = SourceOptions {
        balance_by: Some("shop".to_owned()),
        ..options
    };
    assert!(problem(&wrong).await.contains("`shop`; the columns are: country"));
    let limited = SourceOptions {
        limit: Some(2),
        ..at(&folder, "")
    };
    assert_eq!(list(&limited).await.len(), 2);
}

#[tokio::test]
async fn a_folder_without_images_says_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    assert!(problem(&at(&folder, "")).await.contains("no file below"));
    write(folder.path(), "a.txt", b"");
    write(folder.path(), "b.txt", b"");
    write(folder.path(), "c.gif", b"");
    let told = problem(&at(&folder, "")).await;
    assert!(
        told.contains("no file with .jpg, .jpeg, .png, .webp; found 2 .txt, 1 .gif instead"),
        "{told}"
    );
    let told = problem(&at(&photos(), "/{a}/{b}/{c}/{d}/*")).await;
    assert!(told.contains("no file matches the pattern"), "{told}");
    let told = problem(&at(&folder, "/nowhere")).await;
    assert!(told.contains("No such file"), "{told}");
    let told = problem(&at(&folder, "/{a}/{a}")).await;
    assert!(told.contains("stands twice"), "{told}");
}

#[cfg(unix)]
#[tokio::test]
async fn links_in_a_circle_end() {
    let folder = photos();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("fr/loop")).unwrap();
    std::os::unix::fs::symlink("nowhere.jpg", folder.path().join("fr/broken.jpg")).unwrap();
    assert_eq!(list(&at(&folder, "")).await.len(), 6);
}

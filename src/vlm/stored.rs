//! Safetensors files of a checkpoint folder, mapped into memory.
//!
//! In: `model.safetensors`, or the shards that `model.safetensors.index.json` lists, in f32, bf16 or f16, under
//! the hub's names or those of newer saves. Out: f32 tensors by the hub's name, or an error that names file,
//! tensor, expected and found shape.

use crate::error::{Error, Result};
use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The mapped files and what lies where.
pub(crate) struct Stored {
    folder: PathBuf,
    files: Vec<(PathBuf, Mmap)>,
    tensors: BTreeMap<String, Place>,
    read: RefCell<BTreeSet<String>>,
}

struct Place {
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    start: usize,
    end: usize,
}

impl Stored {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        Self::open_as(folder, "model")
    }

    /// The files `STEM.safetensors` or `STEM.safetensors.index.json` in `folder`.
    pub(crate) fn open_as(folder: &Path, stem: &str) -> Result<Self> {
        Self::map(folder, files_of(folder, stem)?)
    }

    /// The one file `name` in `folder`.
    pub(crate) fn open_file(folder: &Path, name: &str) -> Result<Self> {
        Self::map(folder, vec![folder.join(name)])
    }

    fn map(folder: &Path, paths: Vec<PathBuf>) -> Result<Self> {
        let mut stored = Self {
            folder: folder.to_owned(),
            files: Vec::new(),
            tensors: BTreeMap::new(),
            read: RefCell::default(),
        };
        for path in paths {
            let file = File::open(&path).map_err(|source| Error::File {
                action: "read",
                path: path.clone(),
                source,
            })?;
            // SAFETY: the mapping is read-only and private to this struct; a checkpoint that another process
            // truncates while it is mapped cannot be read by any means.
            #[allow(unsafe_code)]
            let map = unsafe { Mmap::map(&file) };
            let map = map.map_err(|source| Error::File {
                action: "read",
                path: path.clone(),
                source,
            })?;
            stored.list(&path, &map)?;
            stored.files.push((path, map));
        }
        Ok(stored)
    }

    fn list(&mut self, path: &Path, map: &Mmap) -> Result<()> {
        let problem = |error| Error::Checkpoint {
            path: path.to_owned(),
            problem: format!("not a whole safetensors file ({error}); fetch it again"),
        };
        let parsed = SafeTensors::deserialize(map).map_err(problem)?;
        for (name, view) in parsed.iter() {
            // `deserialize` has checked that every view lies inside the file.
            let start = view.data().as_ptr() as usize - map.as_ptr() as usize;
            let place = Place {
                file: self.files.len(),
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                start,
                end: start + view.data().len(),
            };
            self.tensors.insert(hub_name(name), place);
        }
        Ok(())
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// An error that names a tensor that was never read; of SigLIP's pooling head nothing is.
    pub(crate) fn check_all_read(&self) -> Result<()> {
        let read = self.read.borrow();
        let unread = |name: &&String| !read.contains(*name) && !name.contains("vision_model.head.");
        match self.tensors.keys().find(unread) {
            None => Ok(()),
            Some(name) => Err(Error::Checkpoint {
                path: self.folder.clone(),
                problem: format!("tensor `{name}` fits no layer of the network"),
            }),
        }
    }

    /// The tensor `name`, which must have this shape: in f32, or as bf16 where it is stored so and `halves` are wanted.
    pub(crate) fn read(&self, name: &str, shape: &[usize], device: &Device, halves: bool) -> Result<Tensor> {
        let Some(place) = self.tensors.get(name) else {
            return Err(Error::Checkpoint {
                path: self.folder.clone(),
                problem: format!(
                    "tensor `{name}` {shape:?} is missing; does config.json belong to these weights?"
                ),
            });
        };
        self.read.borrow_mut().insert(name.to_owned());
        let (path, map) = &self.files[place.file];
        let problem = |problem| Error::Checkpoint {
            path: path.clone(),
            problem,
        };
        if place.shape != shape {
            let found = &place.shape;
            return Err(problem(format!(
                "tensor `{name}`: config.json expects {shape:?}, found {found:?}"
            )));
        }
        let dtype = match place.dtype {
            Dtype::F32 => DType::F32,
            Dtype::BF16 => DType::BF16,
            Dtype::F16 => DType::F16,
            other => {
                return Err(problem(format!(
                    "tensor `{name}` is stored as {other:?}; supported: F32, BF16, F16"
                )));
            }
        };
        let bytes = &map[place.start..place.end];
        let kept = if halves && dtype == DType::BF16 {
            dtype
        } else {
            DType::F32
        };
        Ok(Tensor::from_raw_buffer(bytes, dtype, shape, device)?.to_dtype(kept)?)
    }

    /// The dtypes that occur, e.g. `BF16`.
    pub(crate) fn dtypes(&self) -> String {
        let names: BTreeSet<String> = self
            .tensors
            .values()
            .map(|place| format!("{:?}", place.dtype))
            .collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// The files that hold a model's weights: the one, or those of the index.
pub(crate) fn weight_files(folder: &Path) -> Result<Vec<PathBuf>> {
    files_of(folder, "model")
}

/// The same of weights whose files begin with `stem`.
pub(crate) fn files_of(folder: &Path, stem: &str) -> Result<Vec<PathBuf>> {
    let single = format!("{stem}.safetensors");
    let index = format!("{single}.index.json");
    let problem = format!("holds neither {single} nor {index}; name a checkpoint folder in the hub's layout");
    let (single, index) = (folder.join(single), folder.join(index));
    if single.is_file() {
        return Ok(vec![single]);
    }
    let bytes = std::fs::read(&index).map_err(|_| Error::Checkpoint {
        path: folder.to_owned(),
        problem,
    })?;
    let problem = |problem: String| Error::Checkpoint {
        path: index.clone(),
        problem,
    };
    let index_content: Index = serde_json::from_slice(&bytes)
        .map_err(|error| problem(format!("not an index of shards ({error}); fetch it again")))?;
    let names: BTreeSet<String> = index_content.weight_map.into_values().collect();
    // A name is a file of this folder, never a way out of it.
    if let Some(name) = names
        .iter()
        .find(|name| Path::new(name).file_name() != Some(name.as_ref()))
    {
        return Err(problem(format!("`{name}` is not a file name")));
    }
    let shards: Vec<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
    match shards.iter().find(|shard| !shard.is_file()) {
        None => Ok(shards),
        Some(missing) => Err(Error::Checkpoint {
            path: missing.clone(),
            problem: "the index lists this shard, and it is not there; fetch it".into(),
        }),
    }
}

#[derive(serde::Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The hub's name of a tensor, from the hub's or from newer saves (`model.language_model.…`,
/// `model.vision_tower.…`, with or without `vision_model`, `lm_head` on top).
pub(super) fn hub_name(name: &str) -> String {
    let name = name.strip_prefix("base_model.model.").unwrap_or(name); // PEFT's
    let name = name.strip_prefix("model.").unwrap_or(name);
    let name = name.strip_prefix("bert.").unwrap_or(name); // of an encoder that was saved with a head
    if name == "lm_head.weight" {
        return "language_model.lm_head.weight".into();
    }
    if ["layers.", "embed_tokens.", "norm."]
        .iter()
        .any(|part| name.starts_with(part))
    {
        return format!("language_model.model.{name}"); // a decoder alone
    }
    for (part, inner) in [("language_model.", "model."), ("vision_tower.", "vision_model.")] {
        if let Some(rest) = name.strip_prefix(part)
            && !rest.starts_with(inner)
            && rest != "lm_head.weight"
        {
            return format!("{part}{inner}{rest}");
        }
    }
    name.into()
}

/// Writes a checkpoint's weights once more as two shards under the names of newer saves.
#[cfg(test)]
pub(crate) fn rewrite(from: &Path, to: &Path) {
    let bytes = std::fs::read(from.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let newer = |name: &str| {
        let name = hub_name(name).replace("language_model.model.", "language_model.");
        format!(
            "model.{}",
            name.replace("vision_tower.vision_model.", "vision_tower.")
        )
    };
    let mut all: Vec<_> = tensors.iter().map(|(name, view)| (newer(name), view)).collect();
    let half = all.split_off(all.len() / 2);
    let mut index = serde_json::Map::new();
    for (number, shard) in [all, half].into_iter().enumerate() {
        let file = format!("model-{:05}-of-00002.safetensors", number + 1);
        index.extend(shard.iter().map(|(name, _)| (name.clone(), file.clone().into())));
        safetensors::serialize_to_file(shard, None, &to.join(file)).unwrap();
    }
    let index = serde_json::json!({ "weight_map": index }).to_string();
    std::fs::write(to.join("model.safetensors.index.json"), index).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    fn write(path: &Path, name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) {
        let view = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
        safetensors::serialize_to_file([(name, view)], None, path).unwrap();
    }

    #[test]
    fn names_of_all_layouts_meet() {
        for name in [
            "model.norm.weight",
            "model.language_model.norm.weight",
            "language_model.norm.weight",
            "language_model.model.norm.weight",
        ] {
            assert_eq!(hub_name(name), "language_model.model.norm.weight");
        }
        for name in [
            "model.vision_tower.vision_model.x",
            "vision_tower.x",
            "model.vision_tower.x",
        ] {
            assert_eq!(hub_name(name), "vision_tower.vision_model.x");
        }
        assert_eq!(
            hub_name("model.multi_modal_projector.linear.bias"),
            "multi_modal_projector.linear.bias"
        );
        assert_eq!(hub_name("lm_head.weight"), "language_model.lm_head.weight");
    }

    #[test]
    fn every_stored_precision_becomes_f32() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let halves: [(Dtype, Vec<u8>); 3] = [
            (
                Dtype::F32,
                [1.5f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            (
                Dtype::BF16,
                [0x3fc0u16, 0xc000].iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            (
                Dtype::F16,
                [0x3e00u16, 0xc000].iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
        ];
        for (dtype, bytes) in halves {
            write(&path, "lm_head.weight", dtype, &[2], &bytes);
            let stored = Stored::open(folder.path()).unwrap();
            let read = stored
                .read("language_model.lm_head.weight", &[2], &Device::Cpu, false)
                .unwrap();
            assert_eq!(read.to_vec1::<f32>().unwrap(), [1.5, -2.0]);
            let kept = stored.read("language_model.lm_head.weight", &[2], &Device::Cpu, true);
            assert_eq!(kept.unwrap().dtype() == DType::BF16, dtype == Dtype::BF16);
            assert_eq!(stored.dtypes(), format!("{dtype:?}"));
        }
    }

    #[test]
    fn a_broken_folder_says_which_file_and_tensor() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Stored::open(folder.path()).map(|_| ()).unwrap_err().to_string();
        assert!(open().contains("holds neither"));
        let path = folder.path().join("model.safetensors");
        write(&path, "lm_head.weight", Dtype::F32, &[2], &[0; 8]);
        let stored = Stored::open(folder.path()).unwrap();
        let read = |name, shape: &[usize]| {
            let read = stored.read(name, shape, &Device::Cpu, false);
            read.unwrap_err().to_string()
        };
        assert!(read("nose", &[1]).contains("tensor `nose` [1] is missing"));
        let wrong = read("language_model.lm_head.weight", &[3]);
        assert!(
            wrong.contains("model.safetensors") && wrong.contains("expects [3], found [2]"),
            "{wrong}"
        );
        drop(stored);
        let bytes = std::fs::read(&path).unwrap();
        // Cut in the data, in the header, to nothing, and with a header that claims more than there is.
        let absurd = [&[0xFF; 8][..], &bytes[8..]].concat();
        for broken in [&bytes[..bytes.len() - 3], &bytes[..20], &bytes[..0], &absurd] {
            std::fs::write(&path, broken).unwrap();
            let problem = open();
            assert!(
                problem.contains("model.safetensors") && problem.contains("fetch it again"),
                "{problem}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        let index = folder.path().join("model.safetensors.index.json");
        std::fs::write(&index, r#"{"weight_map":{"a":"../outside.safetensors"}}"#).unwrap();
        assert!(open().contains("is not a file name"));
        std::fs::write(
            &index,
            r#"{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#,
        )
        .unwrap();
        write(
            &folder.path().join("one.safetensors"),
            "a",
            Dtype::F32,
            &[2],
            &[0; 8],
        );
        assert!(
            open().contains("two.safetensors") && open().contains("fetch it"),
            "{}",
            open()
        );
        std::fs::write(&index, r#"{"weight_map":{"a":["#).unwrap();
        assert!(
            open().contains("index.json") && open().contains("fetch it again"),
            "{}",
            open()
        );
    }
}

//! Files that are written whole or not at all: what stood there stays until the whole of its successor is on the disk beside it.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A place for a result, checked before the work that makes the result.
#[derive(Debug)]
pub(crate) struct Output {
    option: &'static str,
    /// As given, for messages.
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    /// A file, without links on the way to it.
    File(PathBuf),
    /// A device or pipe, which cannot be replaced.
    Device(PathBuf),
}

impl Output {
    /// Checks that `path`, the value of `option`, can be written, is none of the inputs and none of the other outputs.
    pub(crate) fn new(option: &'static str, path: &Path, inputs: &[PathBuf], others: &[&Self]) -> Outcome<Self> {
        let named = |error: String| format!("{option} {}: {error}", path.display());
        let target = Target::of(path).map_err(named)?;
        if let Target::File(file) = &target {
            if inputs.iter().any(|input| is_same(input, file)) {
                return Err(named("this is an input, it would be overwritten".to_string()).into());
            }
            if let Some(other) = others.iter().find(|o| matches!(&o.target, Target::File(f) if f == file || is_same(f, file))) {
                return Err(named(format!("{} writes to the same file", other.option)).into());
            }
            let probe = beside(file);
            create(&probe).map_err(|e| named(e.to_string()))?;
            std::fs::remove_file(&probe).map_err(|e| named(e.to_string()))?;
        }
        Ok(Self { option, path: path.to_path_buf(), target })
    }

    /// [`Self::new`] where there is a path.
    pub(crate) fn optional(option: &'static str, path: Option<&Path>, inputs: &[PathBuf], others: &[&Self]) -> Outcome<Option<Self>> {
        path.map(|path| Self::new(option, path, inputs, others)).transpose()
    }

    /// [`Self::new`] for a path that is `none` where nothing is to be written.
    pub(crate) fn unless_none(option: &'static str, path: &str, inputs: &[PathBuf], others: &[&Self]) -> Outcome<Option<Self>> {
        Self::optional(option, (path != "none").then(|| Path::new(path)), inputs, others)
    }

    /// Writes the file: the whole of `content`, or nothing is changed.
    pub(crate) fn write(&self, content: &[u8]) -> Outcome<()> {
        let written = match &self.target {
            Target::Device(path) => OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(content)),
            Target::File(path) => replace(path, content),
        };
        written.map_err(|error| format!("{} {}: {error}", self.option, self.path.display()).into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Target {
    fn of(path: &Path) -> Result<Self, String> {
        if path.as_os_str() == "-" {
            return Err("give the name of a file, standard output holds the report".to_string());
        }
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(_) if path.is_symlink() => return Err("a link to a file that does not exist".to_string()),
            // The file is still to be made: its folder must be there.
            Err(_) => {
                let name = path.file_name().ok_or("not the name of a file")?;
                let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                return Ok(Self::File(folder.canonicalize().map_err(|e| e.to_string())?.join(name)));
            }
        };
        let metadata = real.metadata().map_err(|e| e.to_string())?;
        if metadata.is_dir() {
            return Err("is a directory".to_string());
        }
        if !metadata.is_file() {
            return Ok(Self::Device(real));
        }
        if metadata.permissions().readonly() {
            return Err("the file there is read-only".to_string());
        }
        Ok(Self::File(real))
    }
}

/// Whether two paths mean one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let (Ok(one), Ok(other)) = (one.canonicalize(), other.canonicalize()) else { return false };
    one == other || is_hard_link(&one, &other)
}

#[cfg(unix)]
fn is_hard_link(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
    id(one).is_some() && id(one) == id(other)
}

#[cfg(not(unix))]
fn is_hard_link(_: &Path, _: &Path) -> bool {
    false
}

/// A name beside `path` for the time of writing.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let part = beside(path);
    let fill = |mut file: File| {
        file.write_all(content)?;
        if let Ok(old) = path.metadata() {
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()
    };
    let written = create(&part).and_then(fill).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Rows of numbers as CSV, after a line of names where there are any. Each number is the shortest that reads back as itself.
pub(crate) fn csv<'a>(names: Option<&[String]>, rows: impl Iterator<Item = Vec<f64>> + 'a) -> Vec<u8> {
    let mut text = names.map_or_else(String::new, |names| names.join(",") + "\n");
    for row in rows {
        text.push_str(&row.iter().map(f64::to_string).collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is removed when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("onestep-output-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, content: &str) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, content).unwrap();
            path
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> =
                std::fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn refusal(path: &Path, inputs: &[PathBuf], others: &[&Output]) -> String {
        Output::new("--out", path, inputs, others).unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_stays() {
        let folder = Folder::new("replaced");
        let old = folder.file("old.csv", "1\n");
        let output = Output::new("--out", &old, &[], &[]).unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "1\n");
        output.write(b"2\n").unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "2\n");
        Output::new("--out", &folder.0.join("new.csv"), &[], &[]).unwrap().write(b"3\n").unwrap();
        assert_eq!(folder.names(), ["new.csv", "old.csv"]);
    }

    #[test]
    fn an_input_is_never_an_output() {
        let folder = Folder::new("input");
        let input = folder.file("in.csv", "1\n");
        let roundabout = folder.0.join(".").join("in.csv");
        assert!(refusal(&roundabout, std::slice::from_ref(&input), &[]).contains("this is an input"));
        let other = Output::new("--model", &folder.0.join("model"), &[], &[]).unwrap();
        assert!(refusal(&folder.0.join("./model"), &[], &[&other]).contains("--model writes to the same file"));
        #[cfg(unix)]
        {
            let (soft, hard) = (folder.0.join("soft.csv"), folder.0.join("hard.csv"));
            std::os::unix::fs::symlink(&input, &soft).unwrap();
            std::fs::hard_link(&input, &hard).unwrap();
            for link in [soft, hard] {
                assert!(refusal(&link, std::slice::from_ref(&input), &[]).contains("this is an input"));
            }
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused_before_the_work() {
        let folder = Folder::new("refused");
        let file = folder.file("file", "");
        for path in [folder.0.clone(), folder.0.join("missing/out"), file.join("out"), PathBuf::from("-"), PathBuf::from("..")] {
            assert!(refusal(&path, &[], &[]).starts_with("--out "), "{}", path.display());
        }
        let mut permissions = file.metadata().unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(&file, permissions).unwrap();
        assert!(refusal(&file, &[], &[]).contains("read-only"));
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let folder = Folder::new("full");
        let old = folder.file("old", "old");
        let output = Output::new("--out", &old, &[], &[]).unwrap();
        // The name beside the file is taken, as by another run.
        std::fs::create_dir(beside(&old.canonicalize().unwrap())).unwrap();
        assert!(output.write(b"new").unwrap_err().to_string().starts_with("--out "));
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "old");
    }

    #[test]
    fn a_full_device_is_an_error() {
        let full = Path::new("/dev/full");
        if full.exists() {
            let output = Output::new("--out", full, &[], &[]).unwrap();
            assert!(output.write(b"x").is_err());
        }
    }
}

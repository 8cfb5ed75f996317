//! What the benches that run peers share: programs in processes of their own, clouds in files for both sides.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a bench returns.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// What a program prints.
///
/// # Errors
/// It cannot be run, or ends with another code than 0.
pub fn printed(command: &mut Command) -> Outcome<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    // What a child says besides its result.
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The running bench again, on some threads.
///
/// # Errors
/// The bench does not know where it is.
pub fn own(threads: usize) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env("RAYON_NUM_THREADS", threads.to_string());
    Ok(command)
}

/// A script of `benches/peers` on some threads.
#[must_use]
pub fn peer(python: &str, script: &str, threads: usize) -> Command {
    let mut command = Command::new(python);
    for limit in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
        command.env(limit, threads.to_string());
    }
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script));
    command
}

/// A folder that is gone when the value is.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty folder among the temporary files.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("onestep-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// The path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left-over files in a temporary folder do no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

//! The bytes of a file or of standard input, decompressed.

use super::{Outcome, is_stdin};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

/// Files up to this size are read, after decompression: a device without end or a small file that unpacks to a large one ends here.
pub(super) const MOST_BYTES: u64 = 1 << 31;

/// The content of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path) -> Outcome<Vec<u8>> {
    let bytes = if is_stdin(path) {
        limited(stdin().lock())?
    } else {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err("is a directory".into());
        }
        limited(file)?
    };
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return limited(MultiGzDecoder::new(&bytes[..])).map_err(|error| format!("gzip: {error}").into());
    }
    Ok(bytes)
}

/// Everything that `reader` gives, which must be less than the limit.
pub(super) fn limited(reader: impl Read) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES { Err(format!("more than {MOST_BYTES} bytes").into()) } else { Ok(bytes) }
}

//! Archives of NumPy arrays: ZIP with stored or deflated members, as `numpy.savez` and `numpy.savez_compressed` write it.

use super::Outcome;
use super::source::MOST_BYTES;
use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::io::Read;

pub(super) fn is_npz(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// One member, as the archive's directory describes it.
struct Member {
    name: String,
    encrypted: bool,
    method: u16,
    crc: u32,
    packed: usize,
    size: usize,
    /// Where the local header begins.
    start: usize,
}

const CUT: &str = "the archive is cut short or damaged";

/// The little-endian number of N bytes at `at`.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Outcome<usize> {
    let field = at.checked_add(N).and_then(|end| bytes.get(at..end)).ok_or(CUT)?;
    Ok(field.iter().rev().fold(0, |sum, &b| sum << 8 | usize::from(b)))
}

/// The bytes of the array `name`, or of the only one there is.
pub(super) fn member(bytes: &[u8], name: Option<&str>) -> Outcome<Vec<u8>> {
    let members = directory(bytes)?;
    let arrays = || members.iter().map(|m| m.name.trim_end_matches(".npy")).collect::<Vec<_>>().join(", ");
    let found = match name {
        Some(name) => members.iter().find(|m| m.name == name || m.name.strip_suffix(".npy") == Some(name)),
        None if members.len() > 1 => {
            return Err(format!("the archive holds {}: name one with --array, or after the file as file.npz:array", arrays()).into());
        }
        None => members.first(),
    };
    match found {
        Some(member) => extract(bytes, member).map_err(|error| format!("{}: {error}", member.name).into()),
        None if members.is_empty() => Err("the archive is empty".into()),
        None => Err(format!("there is no array {:?} in the archive, it holds {}", name.unwrap_or_default(), arrays()).into()),
    }
}

fn directory(bytes: &[u8]) -> Outcome<Vec<Member>> {
    // The end record has 22 bytes and a comment of at most 65 535.
    let first = bytes.len().saturating_sub(22 + 65_535);
    let end = bytes[first..].windows(4).rposition(|w| w == b"PK\x05\x06").ok_or(CUT)? + first;
    let (count, mut at) = (number::<2>(bytes, end + 10)?, number::<4>(bytes, end + 16)?);
    if count == 0xffff || at == 0xffff_ffff {
        return Err("ZIP64 archives of more than 65 534 members or 4 GB are not read".into());
    }
    let mut members = Vec::new();
    for _ in 0..count {
        if bytes.get(at..at + 4) != Some(b"PK\x01\x02") {
            return Err(CUT.into());
        }
        let lengths = [number::<2>(bytes, at + 28)?, number::<2>(bytes, at + 30)?, number::<2>(bytes, at + 32)?];
        let name = bytes.get(at + 46..at + 46 + lengths[0]).ok_or(CUT)?;
        members.push(Member {
            name: String::from_utf8_lossy(name).into_owned(),
            encrypted: number::<2>(bytes, at + 8)? & 1 == 1,
            method: number::<2>(bytes, at + 10)? as u16,
            crc: number::<4>(bytes, at + 16)? as u32,
            packed: number::<4>(bytes, at + 20)?,
            size: number::<4>(bytes, at + 24)?,
            start: number::<4>(bytes, at + 42)?,
        });
        at += 46 + lengths.iter().sum::<usize>();
    }
    Ok(members)
}

fn extract(bytes: &[u8], member: &Member) -> Outcome<Vec<u8>> {
    if member.encrypted {
        return Err("encrypted members are not read".into());
    }
    if member.size as u64 > MOST_BYTES {
        return Err(format!("{} bytes, more than {MOST_BYTES}", member.size).into());
    }
    let data = member.start + 30 + number::<2>(bytes, member.start + 26)? + number::<2>(bytes, member.start + 28)?;
    let packed = bytes.get(data..data + member.packed).ok_or(CUT)?;
    let content = match member.method {
        0 => packed.to_vec(),
        8 => {
            let mut content = Vec::new();
            DeflateDecoder::new(packed).take(member.size as u64 + 1).read_to_end(&mut content)?;
            content
        }
        other => return Err(format!("compression method {other} is not read: save with numpy.savez or savez_compressed").into()),
    };
    let mut crc = Crc::new();
    crc.update(&content);
    if content.len() != member.size || crc.sum() != member.crc {
        Err("the checksum does not fit, the member is damaged".into())
    } else {
        Ok(content)
    }
}

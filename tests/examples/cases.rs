//! Files that programs write and people damage, read as the command line reads them.

use crate::common::table::{Header, ReadOptions, Table};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use std::io::Write;
use std::path::PathBuf;

/// A file that is removed when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("onestep-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn read(&self, options: &ReadOptions) -> Result<Table, String> {
        options.load(&self.0).map_err(|e| e.to_string())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn read(name: &str, content: &[u8]) -> Result<Table, String> {
    Scratch::new(name, content).read(&ReadOptions::default())
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// A ZIP archive as `numpy.savez_compressed` writes it: local headers with 64-bit sizes in an extra field.
fn npz(members: &[(&str, Vec<u8>, bool)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content, deflate) in members {
        let packed = if *deflate {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        } else {
            content.clone()
        };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let method: u16 = if *deflate { 8 } else { 0 };
        let [packed_size, size, start] = [packed.len(), content.len(), file.len()].map(|n| (n as u32).to_le_bytes());
        let common = [&method.to_le_bytes()[..], &[0; 4], &crc.sum().to_le_bytes()].concat();
        let name_length = (name.len() as u16).to_le_bytes();
        let extra = [&[1, 0, 16, 0][..], &(content.len() as u64).to_le_bytes(), &(packed.len() as u64).to_le_bytes()].concat();
        file.extend(
            [b"PK\x03\x04", &[45, 0, 0, 0][..], &common, &[0xff; 8], &name_length, &[20, 0], name.as_bytes(), &extra, &packed].concat(),
        );
        directory.extend(
            [b"PK\x01\x02", &[45, 3, 45, 0, 0, 0][..], &common, &packed_size, &size, &name_length, &[0; 12], &start, name.as_bytes()]
                .concat(),
        );
    }
    let count = (members.len() as u16).to_le_bytes();
    let [length, start] = [directory.len(), file.len()].map(|n| (n as u32).to_le_bytes());
    [file, directory, [b"PK\x05\x06", &[0; 4][..], &count, &count, &length, &start, &[0, 0]].concat()].concat()
}

#[test]
fn a_damaged_first_row_is_an_error_at_line_1() {
    for (name, text) in [("missing.csv", "n/a,5.0\n0.0,0.0\n1.0,0.0\n"), ("empty.csv", ",5.0\n0.0,0.0\n1.0,0.0\n")] {
        let message = read(name, text.as_bytes()).unwrap_err();
        assert!(message.contains("line 1, column 1") && message.contains("--header"), "{message}");
    }
}

#[test]
fn numbers_as_names_are_read_by_option_only() {
    let file = Scratch::new("numhead.csv", b"0,1\n0.0,0.0\n1.0,0.0\n2.0,1.0\n");
    assert!(file.read(&ReadOptions::default()).unwrap_err().contains("--header yes"));
    let named = file.read(&ReadOptions { header: Some(Header::Yes), ..ReadOptions::default() }).unwrap();
    assert_eq!(named.rows.dim(), (3, 2));
    // A name comes before a number.
    assert_eq!(named.column("1").unwrap(), 1);
    let rows = file.read(&ReadOptions { header: Some(Header::No), ..ReadOptions::default() }).unwrap();
    assert_eq!(rows.rows.dim(), (4, 2));
}

#[test]
fn a_column_without_a_name_is_no_coordinate() {
    for text in [",x,y\n0,0.0,0.5\n1,1.0,0.0\n", "\"\",\"x\",\"y\"\n\"1\",0.0,0.5\n\"2\",1,0\n", "Unnamed: 0,x,y\n0,0.0,0.5\n1,1.0,0.0\n"] {
        let table = read("index.csv", text.as_bytes()).unwrap();
        assert!(table.choose(None).unwrap_err().to_string().contains("column 1 has no name"));
        let chosen = table.choose(Some(&["y".to_string(), "x".to_string()])).unwrap();
        assert_eq!(chosen.rows, ndarray::array![[0.5, 0.0], [0.0, 1.0]]);
    }
}

#[test]
fn names_decide_the_order_of_columns() {
    let (a, b) = (read("a.csv", b"x,y\n1,2\n").unwrap(), read("b.csv", b"y,x\n3,4\n").unwrap());
    assert_eq!(b.in_order_of(&a).unwrap().rows, ndarray::array![[4.0, 3.0]]);
    let other = read("c.csv", b"u,x\n3,4\n").unwrap();
    assert!(other.in_order_of(&a).unwrap_err().to_string().contains("--columns"));
    let twice = read("d.csv", b"x,x\n3,4\n").unwrap();
    assert!(twice.column("x").unwrap_err().to_string().contains("columns 1 and 2"));
    assert!(twice.in_order_of(&twice.choose(Some(&["1".into(), "0".into()])).unwrap()).is_ok());
}

#[test]
fn entries_are_named_by_their_line() {
    let table = read("nan.csv", b"# c\nx,y\n\n1,2\nnan,3\n").unwrap();
    let message = table.check_finite().unwrap_err().to_string();
    assert!(message.contains("line 5, column 1 (x): NaN"), "{message}");
}

#[test]
fn content_decides_what_a_file_is() {
    let array = npy("<f8", "(2,)", &[1.5_f64.to_le_bytes(), 2.5_f64.to_le_bytes()].concat());
    let column = ndarray::array![[1.5], [2.5]];
    assert_eq!(read("array.csv", &array).unwrap().rows, column);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&array).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(read("array.npy.gz", &packed).unwrap().rows, column);
    assert!(read("cut.npy.gz", &packed[..packed.len() - 9]).is_err());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"x\n1.5\n2.5\n").unwrap();
    assert_eq!(read("text.csv.gz", &encoder.finish().unwrap()).unwrap().rows, column);
    assert!(read("text.npy", b"1.5\n2.5\n").unwrap_err().contains("no NumPy file"));
}

#[test]
fn arrays_of_an_archive_are_taken_by_name() {
    let array = |v: f64| npy("<f8", "(1,)", &v.to_le_bytes());
    let file = Scratch::new("two.npz", &npz(&[("a.npy", array(1.0), false), ("b.npy", array(2.0), true)]));
    let message = file.read(&ReadOptions::default()).unwrap_err();
    assert!(message.contains("holds a, b") && message.contains("--array"), "{message}");
    let named = |name: &str| file.read(&ReadOptions { array: Some(name.to_string()), ..ReadOptions::default() });
    assert_eq!(named("a").unwrap().rows[[0, 0]], 1.0);
    assert_eq!(named("b").unwrap().rows[[0, 0]], 2.0);
    assert!(named("c").unwrap_err().contains("no array \"c\""));
    let member = PathBuf::from(format!("{}:b", file.0.display()));
    assert_eq!(ReadOptions::default().load(&member).unwrap().rows[[0, 0]], 2.0);
    // The only array needs no name; a damaged one is noticed.
    let mut one = npz(&[("a.npy", array(1.0), false)]);
    assert_eq!(read("one.npz", &one).unwrap().rows[[0, 0]], 1.0);
    let at = one.windows(8).position(|w| w == 1.0_f64.to_le_bytes()).unwrap();
    one[at] ^= 1;
    assert!(read("damaged.npz", &one).unwrap_err().contains("checksum"));
    for cut in [4, 30, one.len() - 22] {
        assert!(read("cut.npz", &one[..cut]).is_err());
    }
}

#[test]
fn options_without_effect_and_empty_files_are_refused() {
    let file = Scratch::new("plain.npy", &npy("<f8", "(1,)", &1.0_f64.to_le_bytes()));
    let header = ReadOptions { header: Some(Header::Yes), ..ReadOptions::default() };
    assert!(file.read(&header).unwrap_err().contains("--header has no effect"));
    let text = Scratch::new("plain.csv", b"1.5,2\n");
    assert!(text.read(&ReadOptions { array: Some("a".into()), ..ReadOptions::default() }).unwrap_err().contains("--array has no effect"));
    for (name, content) in [("blank.csv", &b"\n#\n"[..]), ("names.csv", b"x,y\n"), ("zero.npy", &npy("<f8", "(0, 1000000000000)", &[]))] {
        assert!(read(name, content).unwrap_err().contains("no numbers"), "{name}");
    }
    assert!(ReadOptions::default().load(&std::env::temp_dir()).unwrap_err().to_string().contains("directory"));
}

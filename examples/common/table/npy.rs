//! NumPy arrays of one or two dimensions and every kind of real number. Nothing is reserved before the sizes in the header are known to be
//! those of the file.

use super::Outcome;
use ndarray::{Array2, ShapeBuilder};

const MAGIC: &[u8] = b"\x93NUMPY";

pub(super) fn is_npy(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// What the header says.
#[derive(Debug, PartialEq)]
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

/// The array, a vector as one column.
pub(super) fn parse(bytes: &[u8]) -> Outcome<Array2<f64>> {
    const CUT: &str = "the header is cut short";
    if !is_npy(bytes) {
        return Err("no NumPy array: its first bytes are others".into());
    }
    let &[major, _] = bytes.get(6..8).ok_or(CUT)? else { return Err(CUT.into()) };
    let (start, length) = match (major, bytes.get(8..12)) {
        (1, Some(&[a, b, ..])) => (10, usize::from(u16::from_le_bytes([a, b]))),
        (2 | 3, Some(&[a, b, c, d])) => (12, u32::from_le_bytes([a, b, c, d]) as usize),
        (1..=3, _) => return Err(CUT.into()),
        _ => return Err(format!("version {major} of the format is not known").into()),
    };
    let text = bytes.get(start..start + length).ok_or(CUT)?;
    let header = Scanner { rest: std::str::from_utf8(text).map_err(|_| "the header is no text")? }.header()?;
    let shape = format!("({})", header.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "));
    let (rows, columns) = match header.shape[..] {
        [rows] => (rows, 1),
        [rows, columns] => (rows, columns),
        _ => return Err(format!("the array has {} dimensions, {shape}: a table has 1 or 2", header.shape.len()).into()),
    };
    let (size, decode) = decoder(&header.descr)?;
    let data = &bytes[start + length..];
    if rows.checked_mul(columns).and_then(|n| n.checked_mul(size)) != Some(data.len()) {
        return Err(format!("the header says shape {shape} of {size} bytes an entry, {} bytes follow", data.len()).into());
    }
    let decoded = data.chunks_exact(size).enumerate().map(|(i, entry)| decode(entry).ok_or(i));
    let values = decoded.collect::<Result<Vec<f64>, usize>>().map_err(|i| {
        let (row, column) = if header.fortran { (i % rows, i / rows) } else { (i / columns, i % columns) };
        format!("row {}, column {}: an integer of more than 53 bits, which no double is equal to", row + 1, column + 1)
    })?;
    Ok(Array2::from_shape_vec((rows, columns).set_f(header.fortran), values)?)
}

/// A number from its bytes; none where no double is equal to it.
type Decode = Box<dyn Fn(&[u8]) -> Option<f64>>;

/// The size of an entry of the type `descr` and how to read it.
fn decoder(descr: &str) -> Outcome<(usize, Decode)> {
    let refused = || format!("entries of type {descr:?} are not real numbers of a known kind (bool, i1 to i8, u1 to u8, f2, f4, f8)");
    let &[order, kind, size @ b'1'..=b'9'] = descr.as_bytes() else { return Err(refused().into()) };
    let size = usize::from(size - b'0');
    let big = match order {
        b'>' => true,
        b'<' | b'|' | b'=' => false,
        _ => return Err(refused().into()),
    };
    // Eight bytes, the lowest first.
    let low = move |entry: &[u8]| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(entry);
        if big {
            bytes[..size].reverse();
        }
        bytes
    };
    let read: Decode = match (kind, size) {
        (b'b', 1) => Box::new(|entry| Some(f64::from(u8::from(entry[0] != 0)))),
        (b'u', 1 | 2 | 4 | 8) => Box::new(move |entry| {
            let integer = u64::from_le_bytes(low(entry));
            let float = integer as f64;
            (float as u128 == u128::from(integer)).then_some(float)
        }),
        (b'i', 1 | 2 | 4 | 8) => Box::new(move |entry| {
            let unused = 64 - 8 * size as u32;
            let integer = i64::from_le_bytes(low(entry)) << unused >> unused;
            let float = integer as f64;
            (float as i128 == i128::from(integer)).then_some(float)
        }),
        (b'f', 2) => Box::new(move |entry| Some(half(u16::from_le_bytes([low(entry)[0], low(entry)[1]])))),
        (b'f', 4) => Box::new(move |entry| {
            let [a, b, c, d, ..] = low(entry);
            Some(f64::from(f32::from_le_bytes([a, b, c, d])))
        }),
        (b'f', 8) => Box::new(move |entry| Some(f64::from_le_bytes(low(entry)))),
        _ => return Err(refused().into()),
    };
    Ok((size, read))
}

/// The IEEE 754 number of 16 bits: sign, 5 bits of exponent, 10 of mantissa.
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => mantissa * (-24.0_f64).exp2(),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa / 1024.0 + 1.0) * f64::from(exponent - 15).exp2(),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// Reads the Python dictionary of the header in one pass; nothing in it may be nested but the tuple of the shape.
struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn header(mut self) -> Outcome<Header> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.accept("}") {
            let key = self.string()?;
            self.expect(":")?;
            match key.as_str() {
                "descr" if self.rest.trim_start().starts_with('[') => {
                    return Err("a structured array: save its numbers as a plain one".into());
                }
                "descr" => descr = Some(self.string()?),
                "fortran_order" if self.accept("True") => fortran = Some(true),
                "fortran_order" if self.accept("False") => fortran = Some(false),
                "shape" => shape = Some(self.tuple()?),
                _ => return Err(format!("the header has no business with {key:?}").into()),
            }
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) if self.rest.trim().is_empty() => Ok(Header { descr, fortran, shape }),
            _ => Err("the header lacks descr, fortran_order or shape".into()),
        }
    }

    fn accept(&mut self, token: &str) -> bool {
        let found = self.rest.trim_start().strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn expect(&mut self, token: &str) -> Outcome<()> {
        if self.accept(token) { Ok(()) } else { Err(format!("the header lacks {token:?}").into()) }
    }

    fn string(&mut self) -> Outcome<String> {
        let quote = if self.accept("\"") { '"' } else { self.expect("'").map(|()| '\'')? };
        let (text, rest) = self.rest.split_once(quote).ok_or("the header has an open string")?;
        self.rest = rest;
        Ok(text.to_string())
    }

    fn tuple(&mut self) -> Outcome<Vec<usize>> {
        let mut entries = Vec::new();
        self.expect("(")?;
        while !self.accept(")") {
            self.rest = self.rest.trim_start();
            let digits = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (number, rest) = self.rest.split_at(digits);
            entries.push(number.parse().map_err(|_| format!("the header's shape has the entry {number:?}"))?);
            self.rest = rest;
            // Python 2 wrote long integers as 3L.
            self.accept("L");
            if !self.accept(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let length = (header.len() as u16).to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
    }

    fn values(descr: &str, shape: &str, data: &[u8]) -> Vec<f64> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}   \n");
        parse(&file(&header, data)).unwrap().into_raw_vec_and_offset().0
    }

    #[test]
    fn every_type_of_entry() {
        assert_eq!(values("|b1", "(3,)", &[0, 1, 1]), [0.0, 1.0, 1.0]);
        assert_eq!(values("|i1", "(2,)", &[0x80, 0x7f]), [-128.0, 127.0]);
        assert_eq!(values("|u1", "(2,)", &[0x80, 0x7f]), [128.0, 127.0]);
        assert_eq!(values("<i2", "(1,)", &[0xfe, 0xff]), [-2.0]);
        assert_eq!(values(">i2", "(1,)", &[0xff, 0xfe]), [-2.0]);
        assert_eq!(values("<u4", "(1,)", &[0, 0, 0, 0x80]), [2_147_483_648.0]);
        assert_eq!(values("<i8", "(1,)", &(-3_i64).to_le_bytes()), [-3.0]);
        assert_eq!(values(">u8", "(1,)", &(1_u64 << 60).to_be_bytes()), [(1_u64 << 60) as f64]);
        assert_eq!(values("<f4", "(1,)", &0.1_f32.to_le_bytes()), [f64::from(0.1_f32)]);
        assert_eq!(values(">f8", "(1,)", &0.1_f64.to_be_bytes()), [0.1]);
        // 1, −2, the smallest subnormal 2^-24, the largest 65504, ∞.
        assert_eq!(
            values("<f2", "(5,)", &[0, 0x3c, 0, 0xc0, 1, 0, 0xff, 0x7b, 0, 0x7c]),
            [1.0, -2.0, 1.0 / 16_777_216.0, 65504.0, f64::INFINITY]
        );
    }

    #[test]
    fn a_column_after_column_array_is_read_by_rows() {
        let header = "{\"shape\": (2L, 3L), 'fortran_order': True, 'descr': '|u1'}";
        let read = parse(&file(header, &[1, 4, 2, 5, 3, 6])).unwrap();
        assert_eq!(read, ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    }

    fn refusal(descr: &str, shape: &str, data: &[u8]) -> String {
        parse(&file(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), data)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_refused_and_why() {
        assert_eq!(refusal("<f4", "(3, 1, 4, 4)", &[0; 192]), "the array has 4 dimensions, (3, 1, 4, 4): a table has 1 or 2");
        assert_eq!(refusal("<f4", "()", &[0; 4]), "the array has 0 dimensions, (): a table has 1 or 2");
        assert!(refusal("<c16", "(1,)", &[0; 16]).contains("\"<c16\""));
        assert!(refusal("|O", "(1,)", &[0; 8]).contains("\"|O\""));
        assert!(refusal("<f8", "(4000000000, 4000000000)", &[0; 8]).contains("8 bytes follow"));
        assert!(refusal("<f8", "(1000000000000,)", &[0; 8]).contains("8 bytes follow"));
        assert!(refusal("<f8", "(99999999999999999999,)", &[0; 8]).contains("99999999999999999999"));
        let beyond = ((1_u64 << 53) + 1).to_le_bytes();
        assert!(refusal("<i8", "(1, 1)", &beyond).contains("row 1, column 1"));
        assert!(refusal("<u8", "(1, 1)", &u64::MAX.to_le_bytes()).contains("row 1, column 1"));
        assert!(refusal("<i8", "(1, 1)", &i64::MAX.to_le_bytes()).contains("row 1, column 1"));
        assert!(parse(&file("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", &[0; 8])).is_err());
        assert!(parse(b"\x93NUMPY").is_err());
        assert!(parse(b"\x93NUMPY\x01\x00\xff\xff{").is_err());
        assert!(parse(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{").is_err());
    }

    #[test]
    fn brackets_end_at_once() {
        let deep = format!("{{'descr': {}'<f8'{}, 'fortran_order': False, 'shape': (1,)}}", "(".repeat(20_000), ")".repeat(20_000));
        assert!(parse(&file(&deep, &[0; 8])).is_err());
        let deep = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {}1{}}}", "(".repeat(20_000), ")".repeat(20_000));
        assert!(parse(&file(&deep, &[0; 8])).is_err());
    }
}

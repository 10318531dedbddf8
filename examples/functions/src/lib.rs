//! Functions for rules, in WebAssembly. Build with `make example-functions`.

mod cepd;

use cepd::{Column, Frame};

/// RISK(amount DOUBLE, country STRING) RETURNS DOUBLE: from 0 to 1, more for large
/// amounts and for some countries. A negative amount cannot be judged.
#[no_mangle]
pub extern "C" fn risk(rows: u32, frame: *mut Column) -> u32 {
    let f = Frame::new(frame);
    for row in 0..rows as usize {
        let (Some(amount), Some(country)) = (f.double(0, row), f.text(1, row)) else {
            f.set::<f64>(2, row, None);
            continue;
        };
        if amount < 0.0 {
            f.fail(2, row);
            continue;
        }
        let weight = if matches!(country, "XA" | "XB") { 4.0 } else { 1.0 };
        f.set(2, row, Some(1.0 - (-amount * weight / 1000.0).exp()));
    }
    0
}

/// MASK(card STRING) RETURNS STRING: the last four digits, and stars for the others.
#[no_mangle]
pub extern "C" fn mask(rows: u32, frame: *mut Column) -> u32 {
    let f = Frame::new(frame);
    f.set_texts(1, (0..rows as usize).map(|row| f.text(0, row).map(masked)));
    0
}

fn masked(card: &str) -> Vec<u8> {
    let n = card.chars().count();
    let stars = card.chars().enumerate().map(|(i, c)| if i + 4 < n { '*' } else { c });
    stars.collect::<String>().into_bytes()
}

// SPREAD(x DOUBLE) RETURNS DOUBLE: greatest less least. Its state is both, 16 bytes.

fn pair(b: Option<&[u8]>) -> Option<(f64, f64)> {
    let b = b?;
    let at = |i: usize| f64::from_le_bytes(b[i..i + 8].try_into().unwrap());
    Some((at(0), at(8)))
}

fn join(a: Option<(f64, f64)>, b: Option<(f64, f64)>) -> Option<Vec<u8>> {
    let (low, high) = match (a, b) {
        (Some(a), Some(b)) => (a.0.min(b.0), a.1.max(b.1)),
        (a, b) => a.or(b)?,
    };
    Some([low.to_le_bytes(), high.to_le_bytes()].concat())
}

#[no_mangle]
pub extern "C" fn spread_add(rows: u32, frame: *mut Column) -> u32 {
    let f = Frame::new(frame);
    f.set_texts(2, (0..rows as usize).map(|row| join(pair(f.bytes(0, row)), f.double(1, row).map(|x| (x, x)))));
    0
}

#[no_mangle]
pub extern "C" fn spread_merge(rows: u32, frame: *mut Column) -> u32 {
    let f = Frame::new(frame);
    f.set_texts(2, (0..rows as usize).map(|row| join(pair(f.bytes(0, row)), pair(f.bytes(1, row)))));
    0
}

#[no_mangle]
pub extern "C" fn spread_result(rows: u32, frame: *mut Column) -> u32 {
    let f = Frame::new(frame);
    for row in 0..rows as usize {
        f.set(1, row, pair(f.bytes(0, row)).map(|(low, high)| high - low));
    }
    0
}

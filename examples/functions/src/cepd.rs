//! What cepd and a module say to each other: columns in linear memory.

use std::alloc::{alloc, Layout};

/// Room for what cepd writes, at a multiple of 8.
#[no_mangle]
pub extern "C" fn cepd_alloc(size: u32) -> *mut u8 {
    unsafe { alloc(Layout::from_size_align_unchecked(size.max(8) as usize, 8)) }
}

/// A column of a frame: the arguments come first, then the result.
#[repr(C)]
pub struct Column {
    values: *mut u8,
    nulls: *mut u8,
    bytes: *const u8,
    length: u32,
}

/// The columns of a call.
pub struct Frame(*mut Column);

impl Frame {
    pub fn new(frame: *mut Column) -> Self {
        Frame(frame)
    }

    fn column(&self, i: usize) -> &mut Column {
        unsafe { &mut *self.0.add(i) }
    }

    fn number<T: Copy>(&self, i: usize, row: usize) -> Option<T> {
        let c = self.column(i);
        unsafe { (*c.nulls.add(row) == 0).then(|| *(c.values as *const T).add(row)) }
    }

    #[allow(dead_code)]
    pub fn int(&self, i: usize, row: usize) -> Option<i64> {
        self.number(i, row)
    }

    pub fn double(&self, i: usize, row: usize) -> Option<f64> {
        self.number(i, row)
    }

    pub fn bytes(&self, i: usize, row: usize) -> Option<&[u8]> {
        let c = self.column(i);
        unsafe {
            let ends = c.values as *const u32;
            let (from, to) = (*ends.add(row) as usize, *ends.add(row + 1) as usize);
            (*c.nulls.add(row) == 0).then(|| std::slice::from_raw_parts(c.bytes.add(from), to - from))
        }
    }

    pub fn text(&self, i: usize, row: usize) -> Option<&str> {
        self.bytes(i, row).and_then(|b| std::str::from_utf8(b).ok())
    }

    /// Sets a number of the result, which is column i.
    pub fn set<T>(&self, i: usize, row: usize, x: Option<T>) {
        let c = self.column(i);
        unsafe {
            *c.nulls.add(row) = x.is_none() as u8;
            if let Some(x) = x {
                *(c.values as *mut T).add(row) = x;
            }
        }
    }

    /// Says that a row cannot be computed.
    pub fn fail(&self, i: usize, row: usize) {
        unsafe { *self.column(i).nulls.add(row) = 2 }
    }

    /// Sets all texts of the result. They stay until the next call.
    pub fn set_texts(&self, i: usize, rows: impl Iterator<Item = Option<Vec<u8>>>) {
        static mut KEPT: Vec<u8> = Vec::new();
        let c = self.column(i);
        let mut all = Vec::new();
        unsafe {
            let ends = c.values as *mut u32;
            *ends = 0;
            for (row, x) in rows.enumerate() {
                *c.nulls.add(row) = x.is_none() as u8;
                all.extend(x.unwrap_or_default());
                *ends.add(row + 1) = all.len() as u32;
            }
            c.bytes = all.as_ptr();
            c.length = all.len() as u32;
            *std::ptr::addr_of_mut!(KEPT) = all;
        }
    }
}

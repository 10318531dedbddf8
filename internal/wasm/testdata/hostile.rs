// Modules that do what none should:
//   rustc --target wasm32-unknown-unknown --crate-type cdylib -O -C panic=abort -C strip=symbols hostile.rs -o hostile.wasm
//   rustc --target wasm32-unknown-unknown --crate-type cdylib -O -C panic=abort -C strip=symbols --cfg imports hostile.rs -o imports.wasm
#![no_std]
use core::arch::wasm32;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    wasm32::unreachable()
}

#[cfg(imports)]
#[link(wasm_import_module = "wasi_snapshot_preview1")]
extern "C" {
    fn clock_time_get(id: i32, precision: i64, time: i32) -> i32;
}

#[no_mangle]
pub extern "C" fn cepd_alloc(size: u32) -> u32 {
    let pages = (size as usize + 65535) / 65536;
    let at = wasm32::memory_grow(0, pages);
    if at == usize::MAX { 0 } else { (at * 65536) as u32 }
}

#[no_mangle]
pub extern "C" fn spin(_rows: u32, _frame: *mut u32) -> u32 {
    let mut x = 1u32;
    loop {
        x = core::hint::black_box(x.wrapping_mul(3));
    }
}

#[no_mangle]
pub extern "C" fn bomb(_rows: u32, _frame: *mut u32) -> u32 {
    while wasm32::memory_grow(0, 1) != usize::MAX {}
    7
}

#[no_mangle]
pub extern "C" fn deep(rows: u32, frame: *mut u32) -> u32 {
    core::hint::black_box(deep(core::hint::black_box(rows + 1), frame)) + 1
}

/// Traps where the argument is 13; otherwise gives it back.
#[no_mangle]
pub unsafe extern "C" fn trap(rows: u32, frame: *mut u32) -> u32 {
    let (values, to) = (*frame as *const i64, *frame.add(4) as *mut i64);
    for i in 0..rows as usize {
        if *values.add(i) == 13 {
            wasm32::unreachable()
        }
        *to.add(i) = *values.add(i);
    }
    #[cfg(imports)]
    clock_time_get(0, 0, 0);
    0
}

#[no_mangle]
pub unsafe extern "C" fn outside(_rows: u32, frame: *mut u32) -> u32 {
    *frame.add(4) = 0xffff_fff0;
    0
}

/// A text beyond its bytes.
#[no_mangle]
pub unsafe extern "C" fn beyond(_rows: u32, frame: *mut u32) -> u32 {
    let ends = *frame.add(4) as *mut u32;
    *ends = 0;
    *ends.add(1) = 1 << 30;
    0
}

/// A text that is not UTF-8.
#[no_mangle]
pub unsafe extern "C" fn garbage(_rows: u32, frame: *mut u32) -> u32 {
    static BYTES: [u8; 2] = [0xff, 0xfe];
    let ends = *frame.add(4) as *mut u32;
    *ends = 0;
    *ends.add(1) = 2;
    *frame.add(6) = BYTES.as_ptr() as u32;
    *frame.add(7) = 2;
    0
}

#[no_mangle]
pub extern "C" fn wrong(_x: i64) -> i64 {
    0
}

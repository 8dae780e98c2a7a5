// mark_from_rust.rs - three marks, as include/seep.h says that Rust sets them.
use std::ffi::CString;
use std::os::raw::{c_char, c_void};

extern "C" {
    fn dlsym(handle: *const c_void, name: *const c_char) -> *const c_void;
}

fn seep_mark(name: &str) {
    let symbol = CString::new("seep_mark").unwrap();
    let name = CString::new(name).unwrap();
    let found = unsafe { dlsym(std::ptr::null(), symbol.as_ptr()) };
    let mark: Option<extern "C" fn(*const c_char)> = unsafe { std::mem::transmute(found) };
    if let Some(mark) = mark {
        mark(name.as_ptr())
    }
}

fn main() {
    for _ in 0..3 {
        seep_mark("reload");
    }
    println!("done");
}

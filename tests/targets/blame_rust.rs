// blame_rust.rs - functions that each leak through what Rust puts between them and the allocator. On stdout as blame_cxx.
//
// Built by its case, with either way of mangling.
use std::collections::HashMap;
use std::mem::forget;

/// A value that the compiler cannot leave out.
#[inline(never)]
fn kept<T>(value: T) -> T {
    let copy = unsafe { std::ptr::read_volatile(&value) };
    forget(value);
    copy
}

#[inline(never)]
pub fn leaks_vectors() -> usize {
    let mut all: Vec<Vec<u64>> = Vec::new();
    for i in 0..100 {
        let mut v = Vec::new();
        for k in 0..i * 50 {
            v.push(k as u64);
        }
        all.push(v);
    }
    let n = all.capacity() * std::mem::size_of::<Vec<u64>>() + all.iter().map(|v| v.capacity() * 8).sum::<usize>();
    forget(kept(all));
    n
}

#[inline(never)]
pub fn leaks_strings() -> usize {
    let mut s = String::from("0123456789").repeat(20);
    s.push_str(&kept("x").to_string());
    let n = s.capacity();
    forget(kept(s));
    n
}

#[inline(never)]
pub fn leaks_boxes() -> usize {
    kept(Box::leak(Box::new([1u8; 3000])));
    kept(Box::leak(vec![7u8; 2000].into_boxed_slice()));
    5000
}

#[inline(never)]
pub fn leaks_maps() -> usize {
    let mut m: HashMap<u64, u64> = HashMap::new();
    for i in 0..1000 {
        m.insert(i, i);
    }
    let n = m.len() * 16;
    forget(kept(m));
    n
}

#[inline(never)]
pub fn leaks_by_collect() -> usize {
    let v: Vec<String> = (10..30).map(|i| format!("{}", i * 1000)).collect();
    let n = v.capacity() * std::mem::size_of::<String>() + v.iter().map(|s| s.capacity()).sum::<usize>();
    forget(kept(v));
    n
}

#[inline(never)]
pub fn leaks_in_thread() -> usize {
    std::thread::spawn(|| forget(kept(vec![1u8; 6000]))).join().unwrap();
    6000
}

fn main() {
    let mut told = String::with_capacity(4096);
    let all: [(&str, fn() -> usize, usize); 6] = [
        ("leaks_vectors", leaks_vectors, 0),
        ("leaks_strings", leaks_strings, 0),
        ("leaks_boxes", leaks_boxes, 0),
        ("leaks_maps", leaks_maps, 40000),
        ("leaks_by_collect", leaks_by_collect, 0),
        ("leaks_in_thread", leaks_in_thread, 1000), // what libc keeps for a thread
    ];
    for (name, leaks, slack) in all {
        let n = leaks();
        told.push_str(&format!("{} {} {}\n", name, n, slack));
    }
    print!("{}", told);
}

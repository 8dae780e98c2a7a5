//! radio - one process of three languages that talks TLS by OpenSSL: Rust (std only), Go (radio.go, by cgo) and C (part.c). Each of
//! them loses some objects, of a type of its own, in a function whose name says so.
//!
//! usage: radio PORT ROUNDS
//!
//! PORT: of a TLS server on 127.0.0.1 that answers `GET /`. ROUNDS: 1 or more; five connections each. The books go to stdout: one line "FUNCTION TYPE
//! OBJECTS" for each function that loses some.

use std::os::raw::{c_int, c_long, c_void};

type Object = *mut c_void;

extern "C" {
    fn TLS_client_method() -> Object;
    fn SSL_CTX_new(method: Object) -> Object;
    fn SSL_CTX_free(context: Object);
    fn SSL_new(context: Object) -> Object;
    fn SSL_free(ssl: Object);

    fn part_fetch(ssl: Object, port: c_int) -> c_int;
    fn leak_in_c(context: Object, port: c_int) -> c_int;
    fn leaked_in_c() -> c_long;
    fn GoRound(context: Object, port: c_int) -> c_int;
    fn GoLeaked() -> c_long;
}

struct Session {
    ssl: Object,
    is_kept: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.is_kept {
            unsafe { SSL_free(self.ssl) }
        }
    }
}

/// Every second round's session is lost.
#[inline(never)]
fn leak_in_rust(context: Object, port: c_int, is_kept: bool) -> (c_int, u64) {
    let session = Session { ssl: unsafe { SSL_new(context) }, is_kept };
    (unsafe { part_fetch(session.ssl, port) }, is_kept as u64)
}

fn main() {
    let arguments: Vec<c_int> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let (port, rounds) = match arguments[..] {
        [port, rounds] if rounds > 0 => (port, rounds),
        _ => {
            eprintln!("usage: radio PORT ROUNDS");
            std::process::exit(2)
        }
    };
    let context = unsafe { SSL_CTX_new(TLS_client_method()) };
    let mut leaked = 0;
    for round in 0..rounds {
        let (n, lost) = leak_in_rust(context, port, round % 2 == 1);
        leaked += lost;
        if n <= 0 || unsafe { leak_in_c(context, port) <= 0 || GoRound(context, port) <= 0 } {
            eprintln!("radio: no answer in round {}", round);
            std::process::exit(1);
        }
    }
    unsafe { SSL_CTX_free(context) }
    println!("leak_in_rust SSL {}", leaked);
    println!("leakInGo SSL_CTX {}", unsafe { GoLeaked() });
    println!("leak_in_c X509 {}", unsafe { leaked_in_c() });
}

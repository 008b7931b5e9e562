//! How the extension module is linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // rav1d's assembly reaches tables of its Rust code by distances that are known only if no other library may put
    // itself in their place. Binding them here also keeps another copy of dav1d in the process apart from this one.
    let unix = env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix");
    let apple = env::var("CARGO_CFG_TARGET_VENDOR").is_ok_and(|vendor| vendor == "apple");
    if unix && !apple {
        println!("cargo::rustc-link-arg-cdylib=-Wl,-Bsymbolic");
    }
}

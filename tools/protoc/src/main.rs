//! Prints the path of the `protoc` that the `protoc-bin-vendored` package ships for this platform.
//! Lance's build scripts need one; see `scripts/setup`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", protoc_bin_vendored::protoc_bin_path()?.display());
    Ok(())
}

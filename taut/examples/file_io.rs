//! Files without blocking the core: `cargo run --release --example file_io`.

use std::io;
use std::path::Path;

use futures_util::TryStreamExt;
use futures_util::io::{AsyncBufReadExt, BufReader};
use taut::fs::{self, File};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let folder = std::env::temp_dir().join(format!("taut-file-io-{}", std::process::id()));
        fs::create_dir(&folder).await?;
        let outcome = work_in(&folder).await;
        fs::remove_dir_all(&folder).await?;
        Ok(outcome?)
    })?
}

async fn work_in(folder: &Path) -> io::Result<()> {
    // A whole file at once.
    let path = folder.join("trades.csv");
    fs::write(&path, "BTC,60000\nETH,3000\nBTC,60010\n").await?;
    let text = fs::read_to_string(&path).await?;
    assert_eq!(text.len(), 29);
    println!("{} bytes", text.len());

    // Line by line, by the adapters of futures-util.
    let file = File::open(&path).await?;
    let lines: Vec<String> = BufReader::new(file).lines().try_collect().await?;
    assert_eq!(lines, ["BTC,60000", "ETH,3000", "BTC,60010"]);
    println!("{} lines, the last one is {}", lines.len(), lines[2]);

    // At any place; the kernel works on a buffer that it owns meanwhile.
    let file = File::open(&path).await?;
    let (count, buffer) = file.read_at(Vec::with_capacity(8), 10).await;
    assert_eq!(&buffer[..count?], b"ETH,3000");
    println!("at byte 10: {}", String::from_utf8_lossy(&buffer));

    let mut entries = fs::read_dir(folder).await?;
    while let Some(entry) = entries.next().await? {
        assert_eq!(entry.file_name(), "trades.csv");
        println!("the folder holds {}", entry.file_name().display());
    }
    Ok(())
}

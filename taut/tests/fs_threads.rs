//! Who does the work: on io_uring no thread of the blocking pool starts for what the ring does, and
//! the kernel's own threads stay off a pinned core. One test, since it looks at all of the process.

mod common;

use common::directory::Directory;
use common::{block_on, on_each_driver};
use taut::fs::{self, File, OpenOptions};
use taut::{Driver, counters};

/// The names of this process's threads, and the cores that each may run on.
fn threads() -> Vec<(String, String)> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| {
            let status = std::fs::read_to_string(task.unwrap().path().join("status")).ok()?;
            let field = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name)).unwrap();
                line.split_whitespace().nth(1).unwrap().to_owned()
            };
            Some((field("Name:"), field("Cpus_allowed_list:")))
        })
        .collect()
}

fn named(prefix: &str) -> Vec<(String, String)> {
    threads().into_iter().filter(|(name, _)| name.starts_with(prefix)).collect()
}

/// All that a ring of Linux 6.9 does.
async fn use_the_ring(directory: &Directory) {
    let (path, other) = (directory.join("file"), directory.join("other"));
    fs::write(&path, vec![7; 100_000]).await.unwrap();
    assert_eq!(fs::read(&path).await.unwrap().len(), 100_000);
    let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
    file.read_exact(&mut [0; 1000]).await.unwrap();
    file.write_all(b"order").await.unwrap();
    file.write_vectored_at(vec![vec![1; 10]; 3], 0).await.0.unwrap();
    file.read_vectored_at(Vec::from([(); 3].map(|()| Vec::with_capacity(10))), 0).await.0.unwrap();
    file.sync_all().await.unwrap();
    file.allocate(0, 200_000).await.unwrap();
    file.metadata().await.unwrap();
    fs::rename(&path, &other).await.unwrap();
    fs::hard_link(&other, &path).await.unwrap();
    fs::remove_file(&path).await.unwrap();
    fs::symlink("other", &path).await.unwrap();
    fs::create_dir_all(directory.join("a/b")).await.unwrap();
    fs::remove_dir(directory.join("a/b")).await.unwrap();
    file.close().await.unwrap();
    drop(File::open(&other).await.unwrap());
}

#[test]
fn the_ring_needs_no_thread_of_the_pool_and_its_workers_keep_off_the_core() {
    on_each_driver(|builder| {
        let directory = Directory::new();
        let driver = builder.clone().build().unwrap().driver();
        block_on(builder, async {
            use_the_ring(&directory).await;
            let pool = named("taut-blocking").len();
            let expected = if driver == Driver::Uring { 0..=0 } else { 1..=usize::MAX };
            assert!(expected.contains(&pool), "{pool} threads on {driver:?}");
            if driver == Driver::Uring {
                // What comes from the page cache takes no thread of the kernel's either.
                let file = File::open(directory.join("other")).await.unwrap();
                let started = counters().operations_started;
                let (read, _) = file.read_at(Vec::with_capacity(100), 0).await;
                assert_eq!(read.unwrap(), 100);
                assert_eq!(counters().operations_started, started + 1);
            }
        });
        if driver == Driver::Uring && std::thread::available_parallelism().unwrap().get() > 1 {
            // Of its own, because the kernel's threads belong to ours, and those that the runtimes
            // before have left there stay where they are.
            std::thread::spawn(pinned).join().unwrap();
        }
    });
}

fn pinned() {
    let runtime = taut::Runtime::builder().driver(Driver::Uring).core(0).build().unwrap();
    assert!(runtime.features().granted("kernel workers off the pinned cores"));
    let directory = Directory::new();
    runtime.block_on(use_the_ring(&directory));
    let thread = rustix::thread::gettid().as_raw_nonzero();
    let workers = named(&format!("iou-wrk-{thread}"));
    assert!(!workers.is_empty());
    // A list such as "1" or "1-7": the first number is not 0.
    for (name, cores) in workers {
        assert!(!cores.starts_with('0'), "{name} may run on {cores}");
    }
}

//! Directories and names: made, listed, walked, linked, copied, removed.

mod common;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use common::directory::in_a_directory;
use common::{Random, poll_then_drop};
use taut::fs::{self, FileKind, PathError};

#[test]
fn directories_are_made_one_by_one_or_all_at_once() {
    in_a_directory(async |directory| {
        let one = directory.join("one");
        fs::create_dir(&one).await.unwrap();
        assert_eq!(fs::create_dir(&one).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let deep = one.join("two/three/four");
        assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::create_dir_all(&deep).await.unwrap();
        fs::create_dir_all(&deep).await.unwrap();
        fs::create_dir_all("").await.unwrap();
        fs::create_dir_all("/").await.unwrap();
        assert!(deep.is_dir());
        let file = directory.join("file");
        fs::write(&file, Vec::new()).await.unwrap();
        let error = fs::create_dir_all(&file).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let error = fs::create_dir_all(file.join("below")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotADirectory);
    });
}

#[test]
fn names_are_removed_as_what_they_are() {
    in_a_directory(async |directory| {
        let (file, below) = (directory.join("file"), directory.join("one/two"));
        fs::write(&file, Vec::new()).await.unwrap();
        fs::create_dir_all(&below).await.unwrap();
        fs::write(below.join("kept"), Vec::new()).await.unwrap();
        assert_eq!(fs::remove_dir(&file).await.unwrap_err().kind(), ErrorKind::NotADirectory);
        assert_eq!(fs::remove_file(&below).await.unwrap_err().kind(), ErrorKind::IsADirectory);
        let error = fs::remove_dir(&below).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
        // A link goes, what it leads to stays.
        symlink(&below, directory.join("one/link")).unwrap();
        fs::remove_file(directory.join("one/link")).await.unwrap();
        symlink(&file, below.join("link")).unwrap();
        fs::remove_dir_all(directory.join("one")).await.unwrap();
        assert!(file.exists() && !below.exists());
        fs::remove_file(&file).await.unwrap();
        fs::create_dir(&file).await.unwrap();
        fs::remove_dir(&file).await.unwrap();
        assert!(!file.exists());
    });
}

#[test]
fn renaming_moves_and_replaces() {
    in_a_directory(async |directory| {
        let (old, new) = (directory.join("old"), directory.join("new"));
        fs::write(&old, b"1".to_vec()).await.unwrap();
        fs::write(&new, b"2".to_vec()).await.unwrap();
        fs::rename(&old, &new).await.unwrap();
        assert_eq!(fs::read(&new).await.unwrap(), b"1");
        assert!(!fs::exists(&old).await);
        let error = fs::rename(&old, &new).await.unwrap_err();
        assert_eq!(PathError::of(&error).unwrap().path(), old);
    });
}

#[test]
fn links_lead_where_they_were_told() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        fs::write(&path, b"contents".to_vec()).await.unwrap();
        let (hard, soft) = (directory.join("hard"), directory.join("soft"));
        fs::hard_link(&path, &hard).await.unwrap();
        fs::symlink("file", &soft).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().links(), 2);
        assert_eq!(fs::read_link(&soft).await.unwrap(), Path::new("file"));
        assert_eq!(fs::read(&soft).await.unwrap(), b"contents");
        assert!(fs::equivalent(&soft, &hard).await.unwrap());
        fs::write(directory.join("other"), b"contents".to_vec()).await.unwrap();
        assert!(!fs::equivalent(&path, directory.join("other")).await.unwrap());
        assert_eq!(fs::canonicalize(directory.join("./soft")).await.unwrap(), path);
        let error = fs::read_link(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = fs::hard_link(&path, &hard).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        symlink("nowhere", directory.join("broken")).unwrap();
        assert!(!fs::try_exists(directory.join("broken")).await.unwrap());
        assert!(fs::symlink_metadata(directory.join("broken")).await.unwrap().is_symlink());
    });
}

#[test]
fn existence_emptiness_and_space_are_told() {
    in_a_directory(async |directory| {
        let file = directory.join("file");
        assert!(!fs::try_exists(&file).await.unwrap());
        assert!(fs::is_empty(directory).await.unwrap());
        fs::write(&file, Vec::new()).await.unwrap();
        assert!(fs::exists(&file).await && fs::is_empty(&file).await.unwrap());
        assert!(!fs::is_empty(directory).await.unwrap());
        fs::write(&file, vec![1]).await.unwrap();
        assert!(!fs::is_empty(&file).await.unwrap());
        let error = fs::try_exists(file.join("below")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotADirectory);
        let space = fs::space(directory).await.unwrap();
        assert!(space.capacity_bytes >= space.free_bytes && space.capacity_bytes > 1 << 20);
        assert!(space.free_bytes >= space.available_bytes);
    });
}

#[test]
fn a_directory_is_listed_whole_in_batches() {
    in_a_directory(async |directory| {
        // None, a part of a batch, exactly one, and several.
        for count in [0, 1, 128, 1000] {
            let below = directory.join(count.to_string());
            fs::create_dir(&below).await.unwrap();
            let expected: BTreeSet<_> =
                (0..count).map(|index| below.join(index.to_string())).collect();
            for path in &expected {
                std::fs::write(path, "").unwrap();
            }
            let mut entries = fs::read_dir(&below).await.unwrap();
            let mut found = BTreeSet::new();
            while let Some(entry) = entries.next().await.unwrap() {
                assert_eq!(
                    (entry.kind(), entry.path()),
                    (FileKind::File, &*below.join(entry.file_name()))
                );
                assert!(found.insert(entry.path().to_path_buf()), "{entry:?} twice");
            }
            assert_eq!(found, expected);
            assert!(entries.next().await.unwrap().is_none());
        }
        let error = fs::read_dir(directory.join("none")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = fs::read_dir(directory.join("1/0")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotADirectory);
    });
}

#[test]
fn entries_tell_what_they_are_without_following_links() {
    in_a_directory(async |directory| {
        fs::create_dir(directory.join("directory")).await.unwrap();
        fs::write(directory.join("file"), vec![0; 5]).await.unwrap();
        symlink("file", directory.join("link")).unwrap();
        drop(std::os::unix::net::UnixListener::bind(directory.join("socket")).unwrap());
        let mut entries = fs::read_dir(directory).await.unwrap();
        let mut kinds = Vec::new();
        while let Some(entry) = entries.next().await.unwrap() {
            let found = entry.metadata().await.unwrap();
            assert_eq!((found.kind(), found.inode()), (entry.kind(), entry.inode()));
            kinds.push((entry.file_name().to_str().unwrap().to_owned(), entry.kind()));
        }
        kinds.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [
            ("directory", FileKind::Directory),
            ("file", FileKind::File),
            ("link", FileKind::Symlink),
            ("socket", FileKind::Socket),
        ];
        assert!(kinds.iter().map(|(name, kind)| (name.as_str(), *kind)).eq(expected), "{kinds:?}");
    });
}

#[test]
fn a_listing_dropped_in_the_middle_takes_nothing() {
    in_a_directory(async |directory| {
        for index in 0..300 {
            std::fs::write(directory.join(index.to_string()), "").unwrap();
        }
        let mut entries = fs::read_dir(directory).await.unwrap();
        let mut found = BTreeSet::new();
        // A dropped wait's batch is there for the next; what it gave is lost, as of any future.
        for turns in [0, 1, 50] {
            let mut taken = None;
            poll_then_drop(async { taken = entries.next().await.unwrap() }, turns).await;
            found.extend(taken.map(|entry| entry.path().to_path_buf()));
        }
        while let Some(entry) = entries.next().await.unwrap() {
            found.insert(entry.path().to_path_buf());
        }
        assert_eq!(found.len(), 300);
    });
}

/// Directories and files by depth, and a link that would lead round in circles.
fn plant(directory: &Path) -> BTreeSet<(usize, PathBuf)> {
    std::fs::create_dir_all(directory.join("a/b/c")).unwrap();
    std::fs::create_dir_all(directory.join("d")).unwrap();
    for name in ["file", "a/file", "a/b/c/file"] {
        std::fs::write(directory.join(name), "").unwrap();
    }
    symlink(directory, directory.join("a/round")).unwrap();
    let all = [
        (1, "a"),
        (1, "d"),
        (1, "file"),
        (2, "a/b"),
        (2, "a/file"),
        (2, "a/round"),
        (3, "a/b/c"),
        (4, "a/b/c/file"),
    ];
    all.map(|(depth, name)| (depth, directory.join(name))).into()
}

async fn walk(mut walk: fs::WalkDir) -> Vec<(usize, PathBuf)> {
    let mut found = Vec::new();
    while let Some(entry) = walk.next().await.unwrap() {
        found.push((entry.depth(), entry.path().to_path_buf()));
    }
    assert!(walk.next().await.unwrap().is_none());
    found
}

#[test]
fn a_walk_meets_all_once_each_directory_before_what_is_in_it() {
    in_a_directory(async |directory| {
        let all = plant(directory);
        let found = walk(fs::walk_dir(directory)).await;
        assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), all);
        assert_eq!(found.len(), all.len());
        let mut seen = vec![directory.to_path_buf()];
        for (_, path) in found {
            assert!(seen.contains(&path.parent().unwrap().to_path_buf()), "{path:?}");
            seen.push(path);
        }
        for (least, most) in [(1, 1), (2, 3), (3, usize::MAX), (9, 9)] {
            let found = walk(fs::walk_dir(directory).depth_min(least).depth_max(most)).await;
            let expected = all.iter().filter(|(depth, _)| (least..=most).contains(depth)).cloned();
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected.collect());
        }
    });
}

#[test]
fn a_walk_goes_on_behind_what_it_can_not_read() {
    in_a_directory(async |directory| {
        plant(directory);
        let mut walk = fs::walk_dir(directory.join("none"));
        let error = walk.next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(walk.next().await.unwrap().is_none());
        // The superuser may read all, so the directory goes away instead. The first batch holds
        // more than there is, unless there is more.
        for index in 0..300 {
            std::fs::create_dir(directory.join(format!("d/{index}"))).unwrap();
        }
        let mut walk = fs::walk_dir(directory.join("d"));
        let mut met = 0;
        let mut failures = 0;
        loop {
            match walk.next().await {
                Ok(None) => break,
                Ok(Some(_)) => met += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                    failures += 1;
                }
            }
            if met == 1 && failures == 0 {
                std::fs::remove_dir_all(directory.join("d")).unwrap();
            }
        }
        assert!(met >= 128 && failures <= 300, "{met} met, {failures} failed");
    });
}

#[test]
fn copies_have_contents_and_permissions() {
    in_a_directory(async |directory| {
        let (from, to) = (directory.join("from"), directory.join("to"));
        for length in [0, 1, 4 << 20] {
            let bytes = Random::new(length as u64 + 1).bytes(length);
            fs::write(&from, bytes.clone()).await.unwrap();
            fs::set_permissions(&from, std::fs::Permissions::from_mode(0o640)).await.unwrap();
            // Longer than what is copied to it.
            fs::write(&to, vec![9; 5 << 20]).await.unwrap();
            assert_eq!(fs::copy(&from, &to).await.unwrap(), length as u64);
            assert!(fs::read(&to).await.unwrap() == bytes);
            assert_eq!(fs::metadata(&to).await.unwrap().mode(), 0o640);
        }
        // What the kernel does not copy by itself.
        assert!(fs::copy("/proc/self/status", &to).await.unwrap() > 100);
        assert!(fs::read_to_string(&to).await.unwrap().starts_with("Name:"));
        let length = fs::metadata(&from).await.unwrap().len();
        assert_eq!(fs::copy(&from, "/dev/null").await.unwrap(), length);
        let link = directory.join("link");
        fs::symlink("from", &link).await.unwrap();
        let error = fs::copy(&from, &link).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert_eq!(fs::metadata(&from).await.unwrap().len(), length);
        let error = fs::copy(directory.join("none"), &to).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

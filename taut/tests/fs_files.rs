//! Files: how they are opened, what their position does, what is known of them, what errors say.

mod common;

use std::io::{ErrorKind, SeekFrom};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::directory::in_a_directory;
use common::{block_on, on_each_driver};
use taut::fs::{self, File, FileKind, OpenOptions, PathError};

async fn contents(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().await.unwrap();
    file.read_to_string(&mut text).await.unwrap();
    text
}

#[test]
fn a_file_opened_to_read_can_be_read_and_not_written() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "bid 101.25").unwrap();
        let mut file = File::open(&path).await.unwrap();
        let mut bytes = [0; 3];
        assert_eq!(file.read(&mut bytes).await.unwrap(), 3);
        assert_eq!(&bytes, b"bid");
        let error = file.write(b"x").await.unwrap_err();
        assert_eq!(PathError::of(&error).unwrap().raw_os_error(), Some(libc::EBADF));
        // The refused write has not moved the position.
        assert_eq!(file.stream_position().await.unwrap(), 3);
        assert_eq!(contents(&mut file).await, "bid 101.25");
    });
}

#[test]
fn a_file_opened_to_write_can_be_written_and_not_read() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        let mut file = OpenOptions::new().write(true).open(&path).await.unwrap();
        file.write_all(b"abc").await.unwrap();
        let error = file.read(&mut [0; 4]).await.unwrap_err();
        assert_eq!(PathError::of(&error).unwrap().raw_os_error(), Some(libc::EBADF));
        // Neither created nor truncated, since neither was asked for.
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc3456789");
        let error = OpenOptions::new().write(true).open(directory.join("none")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_file_opened_for_both_reads_what_it_wrote() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        let mut bytes = [0; 2];
        file.read_exact(&mut bytes).await.unwrap();
        file.write_all(b"ab").await.unwrap();
        file.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"45");
        assert_eq!(contents(&mut file).await, "01ab456789");
    });
}

#[test]
fn appends_go_to_the_end_wherever_the_position_is() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "one,").unwrap();
        let options = OpenOptions::new().append(true).read(true);
        let mut file = options.open(&path).await.unwrap();
        let mut other = options.open(&path).await.unwrap();
        file.write_all(b"two,").await.unwrap();
        other.write_all(b"three,").await.unwrap();
        file.rewind().await.unwrap();
        file.write_all(b"four").await.unwrap();
        // After an append the position is the file's end.
        assert_eq!(file.stream_position().await.unwrap(), 18);
        assert_eq!(file.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(file.seek(SeekFrom::Current(-4)).await.unwrap(), 14);
        let mut bytes = [0; 4];
        file.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"four");
        assert_eq!(file.length().await.unwrap(), 18);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one,two,three,four");
    });
}

#[test]
fn create_makes_a_file_truncate_empties_it_and_neither_the_other() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let create = OpenOptions::new().write(true).create(true);
        create.open(&path).await.unwrap().write_all(b"0123456789").await.unwrap();
        create.open(&path).await.unwrap().write_all(b"ab").await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"ab23456789");
        let truncate = OpenOptions::new().write(true).truncate(true);
        truncate.open(&path).await.unwrap().write_all(b"cd").await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"cd");
        let error = truncate.open(directory.join("none")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        File::create(&path).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    });
}

#[test]
fn create_new_fails_where_there_is_one() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let mut file = File::create_new(&path).await.unwrap();
        file.write_all(b"mine").await.unwrap();
        assert_eq!(contents(&mut file).await, "mine");
        let error = File::create_new(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        std::os::unix::fs::symlink("nowhere", directory.join("link")).unwrap();
        let error = File::create_new(directory.join("link")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    });
}

#[test]
fn options_that_contradict_each_other_say_so() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        for (options, word) in [
            (OpenOptions::new(), "neither read, write nor append"),
            (OpenOptions::new().read(true).create(true), "only created to write"),
            (OpenOptions::new().append(true).truncate(true), "only truncated to write"),
            (OpenOptions::new().read(true).create_new(true), "only created to write"),
        ] {
            let error = options.open(&path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(word), "{error}");
        }
        assert!(!path.exists());
    });
}

#[test]
fn mode_and_custom_flags_reach_the_kernel() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let options = OpenOptions::new().write(true).create(true).mode(0o640);
        let file = options.custom_flags(libc::O_DSYNC).open(&path).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().mode(), 0o640);
        let flags = rustix::fs::fcntl_getfl(&file).unwrap();
        // By number: the name in `rustix` stands for O_SYNC.
        assert_eq!(flags.bits() & libc::O_SYNC as u32, libc::O_DSYNC as u32);
        let inherited = rustix::io::fcntl_getfd(&file).unwrap();
        assert!(inherited.contains(rustix::io::FdFlags::CLOEXEC));
    });
}

#[test]
fn seeks_move_the_position_and_positions_are_told() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        assert_eq!(file.length().await.unwrap(), 10);
        assert_eq!(file.stream_position().await.unwrap(), 0);
        let mut byte = [0];
        for (to, position, expected) in [
            (SeekFrom::Start(3), 3, b'3'),
            (SeekFrom::Current(2), 6, b'6'),
            (SeekFrom::Current(-5), 2, b'2'),
            (SeekFrom::End(-1), 9, b'9'),
            (SeekFrom::End(-10), 0, b'0'),
        ] {
            assert_eq!(file.seek(to).await.unwrap(), position);
            file.read_exact(&mut byte).await.unwrap();
            assert_eq!(byte[0], expected);
            assert_eq!(file.stream_position().await.unwrap(), position + 1);
        }
        file.rewind().await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 0);
        for to in [SeekFrom::Current(-1), SeekFrom::End(-11), SeekFrom::Start(u64::MAX)] {
            let error = file.seek(to).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{to:?}");
            assert_eq!(file.stream_position().await.unwrap(), 0);
        }
        // Beyond the end there is a hole.
        file.seek(SeekFrom::End(5)).await.unwrap();
        assert_eq!(file.read(&mut byte).await.unwrap(), 0);
        file.write_all(b"x").await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"0123456789\0\0\0\0\0x");
    });
}

#[test]
fn the_length_follows_truncation_and_allocation() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        file.set_len(4).await.unwrap();
        assert_eq!(contents(&mut file).await, "0123");
        file.set_len(6).await.unwrap();
        assert_eq!(contents(&mut file).await, "0123\0\0");
        fs::truncate(&path, 5).await.unwrap();
        assert_eq!(file.length().await.unwrap(), 5);
        file.allocate(0, 1 << 20).await.unwrap();
        let found = file.metadata().await.unwrap();
        assert_eq!(found.len(), 1 << 20);
        assert!(found.allocated_bytes() >= 1 << 20, "{}", found.allocated_bytes());
        let error = File::open(&path).await.unwrap().set_len(0).await.unwrap_err();
        assert_eq!(PathError::of(&error).unwrap().operation(), "truncate");
    });
}

#[test]
fn syncs_succeed_and_name_the_file_where_they_do_not() {
    in_a_directory(async |directory| {
        let mut file = File::create(directory.join("file")).await.unwrap();
        file.write_all(b"order").await.unwrap();
        file.sync_data().await.unwrap();
        file.sync_all().await.unwrap();
        let (end, _other) = std::io::pipe().unwrap();
        let pipe = File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(end))).unwrap();
        let error = pipe.sync_all().await.unwrap_err();
        assert!(error.to_string().starts_with("sync pipe:["), "{error}");
        assert_eq!(PathError::of(&error).unwrap().raw_os_error(), Some(libc::EINVAL));
    });
}

#[test]
fn metadata_is_what_the_standard_library_says() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        std::fs::hard_link(&path, directory.join("second")).unwrap();
        std::os::unix::fs::symlink("file", directory.join("link")).unwrap();
        let ours = fs::metadata(&path).await.unwrap();
        let theirs = std::fs::metadata(&path).unwrap();
        assert_eq!((ours.kind(), ours.is_file(), ours.is_dir()), (FileKind::File, true, false));
        assert_eq!((ours.len(), ours.links()), (10, 2));
        assert_eq!((ours.uid(), ours.gid()), (theirs.uid(), theirs.gid()));
        assert_eq!((ours.inode(), ours.mode()), (theirs.ino(), theirs.mode() & 0o7777));
        assert_eq!(ours.permissions().mode(), ours.mode());
        assert_eq!(ours.modified(), theirs.modified().unwrap());
        assert_eq!(ours.accessed(), theirs.accessed().unwrap());
        assert_eq!(ours.created(), theirs.created().ok());
        let changed = ours.changed().duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(changed.as_secs() as i64, theirs.ctime());
        assert_eq!(i64::from(changed.subsec_nanos()), theirs.ctime_nsec());
        let (major, minor) = ours.device();
        assert_eq!(libc::makedev(major, minor), theirs.dev());

        let link = directory.join("link");
        assert_eq!(fs::metadata(&link).await.unwrap().inode(), theirs.ino());
        let itself = fs::symlink_metadata(&link).await.unwrap();
        assert!(itself.is_symlink());
        assert_eq!(fs::metadata(directory).await.unwrap().kind(), FileKind::Directory);
        let null = fs::metadata("/dev/null").await.unwrap();
        assert_eq!((null.kind(), null.own_device()), (FileKind::CharacterDevice, (1, 3)));
        let open = File::open(&path).await.unwrap().metadata().await.unwrap();
        assert_eq!(open.inode(), theirs.ino());
    });
}

#[test]
fn permissions_owner_and_times_can_be_set() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        let file = File::create(&path).await.unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().mode(), 0o600);
        fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().mode(), 0o644);
        let found = file.metadata().await.unwrap();
        fs::set_owner(&path, Some(found.uid()), None).await.unwrap();

        let accessed = UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
        let modified = UNIX_EPOCH + Duration::new(1_700_000_000, 987_654_321);
        fs::set_times(&path, Some(accessed), Some(modified)).await.unwrap();
        let found = fs::metadata(&path).await.unwrap();
        assert_eq!((found.accessed(), found.modified()), (accessed, modified));
        let later: SystemTime = modified + Duration::from_nanos(1);
        file.set_times(None, Some(later)).await.unwrap();
        let found = fs::metadata(&path).await.unwrap();
        assert_eq!((found.accessed(), found.modified()), (accessed, later));
    });
}

#[test]
fn clones_have_a_position_of_their_own() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        let mut file = File::open(&path).await.unwrap();
        file.seek(SeekFrom::Start(4)).await.unwrap();
        let mut clone = file.try_clone().unwrap();
        let mut bytes = [0; 3];
        file.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"456");
        clone.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"456");
        file.close().await.unwrap();
        clone.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"789");
    });
}

#[test]
fn files_come_from_the_standard_library_and_go_there_at_their_position() {
    in_a_directory(async |directory| {
        use std::io::{Read, Seek, Write};
        let path = directory.join("file");
        std::fs::write(&path, "0123456789").unwrap();
        let mut theirs = std::fs::File::open(&path).unwrap();
        theirs.seek(SeekFrom::Start(2)).unwrap();
        let mut ours = File::from_std(theirs).unwrap();
        let mut bytes = [0; 3];
        ours.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"234");
        let mut theirs = ours.into_std().unwrap();
        let mut rest = String::new();
        theirs.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "56789");
        // An append stays one.
        let theirs = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        let mut ours = File::from_std(theirs).unwrap();
        ours.write_all(b"ab").await.unwrap();
        ours.into_std().unwrap().write_all(b"cd").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"0123456789abcd");
    });
}

#[test]
fn what_has_no_positions_is_read_and_written_in_turn() {
    on_each_driver(|builder| {
        block_on(builder, async {
            use std::io::Write;
            let (out, mut into) = std::io::pipe().unwrap();
            let mut file =
                File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(out))).unwrap();
            into.write_all(b"0123456789").unwrap();
            let mut bytes = [0; 4];
            file.read_exact(&mut bytes).await.unwrap();
            file.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"4567");
            assert!(file.length().await.is_err());
        });
    });
}

#[test]
fn whole_files_are_read_and_written_at_once() {
    in_a_directory(async |directory| {
        let path = directory.join("file");
        for length in [0, 1, 65_535, 65_536, 3 << 20] {
            let bytes = common::Random::new(length as u64).bytes(length);
            fs::write(&path, bytes.clone()).await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert!(fs::read(&path).await.unwrap() == bytes);
        }
        fs::write(&path, bytes::Bytes::from_static(b"1 \xC2\xA3")).await.unwrap();
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "1 \u{a3}");
        fs::write(&path, vec![0xFF]).await.unwrap();
        let error = fs::read_to_string(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let mut before = String::from("before");
        let mut file = File::open(&path).await.unwrap();
        let error = file.read_to_string(&mut before).await.unwrap_err();
        assert_eq!((error.kind(), before.as_str()), (ErrorKind::InvalidData, "before"));
        // Which says that it is empty.
        assert!(fs::read_to_string("/proc/self/status").await.unwrap().starts_with("Name:"));
    });
}

#[test]
fn errors_name_the_operation_and_the_path_and_keep_kind_and_code() {
    in_a_directory(async |directory| {
        let missing = directory.join("missing");
        let error = File::open(&missing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let expected = format!("open {}: No such file", missing.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        let inner = PathError::of(&error).unwrap();
        assert_eq!(inner.operation(), "open");
        assert_eq!((inner.path(), inner.raw_os_error()), (&*missing, Some(libc::ENOENT)));
        assert!(std::error::Error::source(inner).unwrap().is::<std::io::Error>());

        for (what, error) in [
            ("open", fs::read(&missing).await.unwrap_err()),
            ("open", fs::truncate(&missing, 0).await.unwrap_err()),
            ("stat", fs::metadata(&missing).await.unwrap_err()),
            ("remove", fs::remove_file(&missing).await.unwrap_err()),
            ("remove directory", fs::remove_dir(&missing).await.unwrap_err()),
            ("remove directory", fs::remove_dir_all(&missing).await.unwrap_err()),
            ("rename", fs::rename(&missing, "x").await.unwrap_err()),
            ("read link", fs::read_link(&missing).await.unwrap_err()),
            ("resolve", fs::canonicalize(&missing).await.unwrap_err()),
            ("set times", fs::set_times(&missing, Some(UNIX_EPOCH), None).await.unwrap_err()),
            ("read directory", fs::read_dir(&missing).await.unwrap_err()),
            ("create directory", fs::create_dir(missing.join("a")).await.unwrap_err()),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            let text = format!("{what} {}", missing.display());
            assert!(error.to_string().starts_with(&text), "{error}");
        }
        let error = File::open(directory.join("a\0b")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("zero byte"), "{error}");

        // An open file's errors tell where its name stands now.
        let path = directory.join("old");
        let mut file = File::create(&path).await.unwrap();
        std::fs::rename(&path, directory.join("new")).unwrap();
        let error = file.read(&mut [0]).await.unwrap_err();
        assert_eq!(PathError::of(&error).unwrap().path(), directory.join("new"));
        let error = File::open(directory).await.unwrap().read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
    });
}

#[test]
fn a_closed_file_tells_nothing_and_frees_its_descriptor() {
    in_a_directory(async |directory| {
        use std::os::fd::AsRawFd;
        let file = File::create(directory.join("file")).await.unwrap();
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        let path = std::fs::read_link(&link).unwrap();
        file.close().await.unwrap();
        // Unless another test has the number by now.
        assert!(std::fs::read_link(&link).map_or(true, |now| now != path));
    });
}

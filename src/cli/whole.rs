//! Files that are there whole or not at all, and that nobody but their owner reads. Knows nothing of what
//! is in them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file under way: beside its place until it is whole, and gone when this is dropped before.
pub struct Whole {
    file: File,
    beside: PathBuf,
    place: PathBuf,
}

impl Whole {
    /// Begins a file that shall be at `place`.
    pub fn begin(place: &Path) -> io::Result<Self> {
        let name = place.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
        let beside = place.with_file_name(format!(".{name}.{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        Ok(Whole { file, beside, place: place.to_owned() })
    }

    /// Puts it in the place of what is there.
    pub fn replace(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.beside, &self.place)
    }

    /// Puts it where nothing is; an error when something is.
    pub fn create(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::hard_link(&self.beside, &self.place)
    }
}

impl Write for Whole {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.file.write(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // After it was renamed there is nothing left.
        drop(fs::remove_file(&self.beside));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("f");
        let begin = |text: &str| {
            let mut whole = Whole::begin(&place).expect("a file");
            whole.write_all(text.as_bytes()).expect("room");
            whole
        };
        let entries = || fs::read_dir(folder.path()).expect("a folder").count();
        drop(begin("half"));
        assert_eq!(entries(), 0);
        begin("one").create().expect("nothing is there");
        assert!(begin("two").create().is_err());
        assert_eq!(fs::read_to_string(&place).expect("a file"), "one");
        begin("three").replace().expect("a file");
        assert_eq!((fs::read_to_string(&place).expect("a file").as_str(), entries()), ("three", 1));
        assert_eq!(fs::metadata(&place).expect("a file").permissions().mode() & 0o777, 0o600);
    }
}

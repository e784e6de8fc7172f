//! The lock of a store's directory, which keeps other processes out. Knows nothing of what is in there.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use super::StoreError;
use super::embedded::unusable;

/// A process that is just ending, or a child on its way to its own program, has the lock for a moment more.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The directory, made if need be, and locked. redb locks its file as well, but a store that is
/// being made needs its directory for itself.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| unusable(dir, &error))?;
    let lock = File::open(dir).map_err(|error| unusable(dir, &error))?;
    for _ in 0..LOOKS {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_LOOKS),
            Err(TryLockError::Error(error)) => return Err(unusable(dir, &error)),
        }
    }
    Err(StoreError::InUse(dir.display().to_string()))
}

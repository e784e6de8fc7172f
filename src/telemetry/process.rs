//! What the kernel knows of this process. What it does not tell (another system, no `/proc`) is
//! left out.

use std::fs;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Physical memory in bytes.
pub(super) fn resident_bytes() -> Option<u64> {
    resident_in(&fs::read_to_string("/proc/self/status").ok()?)
}

/// From the line `VmRSS:     1234 kB`.
fn resident_in(status: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = rest.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// User and system time in seconds.
pub(super) fn cpu_seconds() -> Option<f64> {
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    Some(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Open file descriptors, without the one that counts them.
pub(super) fn open_files() -> Option<u64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(count).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_resident_set() {
        assert_eq!(resident_in("Name:\tx\nVmRSS:\t    8 kB\nThreads:\t1\n"), Some(8192));
        assert_eq!(resident_in("Name:\tx\n"), None);
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
    }

    #[test]
    fn sees_a_file_that_is_opened() {
        let before = open_files().expect("this process has descriptors");
        assert!(before >= 3);
        assert!(cpu_seconds().is_some_and(|seconds| seconds > 0.0));
    }
}

//! The embedded store: one redb file.

/// A store in one directory.
pub struct Store;

//! Records as stored bytes and back.

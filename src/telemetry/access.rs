//! The access log: workers format lines into blocks of their own, one thread writes the blocks
//! out. A worker never waits: what the thread cannot keep up with is dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::line::{Entry, Format, Lines};

/// A worker hands over when its block has passed this many bytes.
const BLOCK: usize = 16 * 1024;

/// Room for the line that passes it; a longer one makes the block grow.
const SLACK: usize = 2 * 1024;

/// Blocks that may wait for the thread: about 4 MiB, 15,000 usual lines.
const QUEUE: usize = 256;

/// Blocks that wait for their worker to use them again; more are freed.
const SPARE: usize = 4;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    Stdout,
    /// Appended to; made, with mode 0640, if there is none.
    File(PathBuf),
}

/// An open access log. It must be closed for its last lines to be written.
pub struct AccessLog {
    format: Format,
    sink: Sink,
    queue: SyncSender<Message>,
    orders: Arc<Orders>,
    /// Hangs up when the thread ends; behind a lock because a receiver is not `Sync`.
    ended: Mutex<Receiver<()>>,
}

/// What the thread is told besides blocks. A full queue cannot refuse these: the thread looks at
/// them after each message, and a full queue has messages.
#[derive(Default)]
struct Orders {
    close: AtomicBool,
    /// The file to go on with.
    file: Mutex<Option<File>>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Block(Block),
    /// There are orders.
    Look,
}

/// Lines on their way to the thread, and the way back for their buffer.
struct Block {
    bytes: Vec<u8>,
    home: SyncSender<Vec<u8>>,
}

impl AccessLog {
    /// Opens the sink and starts the thread.
    pub fn open(sink: Sink, format: Format) -> io::Result<AccessLog> {
        let out: Box<dyn Write + Send> = match &sink {
            Sink::Stdout => Box::new(io::stdout()),
            Sink::File(path) => Box::new(append(path)?),
        };
        AccessLog::start(sink, format, out)
    }

    fn start(sink: Sink, format: Format, out: Box<dyn Write + Send>) -> io::Result<AccessLog> {
        let (queue, blocks) = sync_channel(QUEUE);
        let (running, ended) = sync_channel(0);
        let orders = Arc::new(Orders::default());
        let writer = Writer { out, torn: false, failing: false, orders: Arc::clone(&orders) };
        thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            writer.run(blocks);
            drop(running);
        })?;
        Ok(AccessLog { format, sink, queue, orders, ended: Mutex::new(ended) })
    }

    /// A worker's end of the log.
    pub fn worker(&self) -> AccessWriter {
        let (home, spare) = sync_channel(SPARE);
        AccessWriter {
            lines: Lines::new(self.format),
            block: fresh_block(),
            queue: self.queue.clone(),
            home,
            spare,
            dropped: self.dropped(),
        }
    }

    /// Opens the file again under its name, after a rotation has moved it. An error leaves the
    /// log as it was. Standard output has nothing to open.
    pub fn reopen(&self) -> io::Result<()> {
        if let Sink::File(path) = &self.sink {
            let file = append(path)?;
            *self.orders.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
            self.look();
        }
        Ok(())
    }

    /// Writes what the workers have handed over and ends the thread; for when the workers' ends
    /// are gone, since later lines are dropped. Waits no longer than `limit`, and says whether all
    /// was written by then.
    pub fn close(&self, limit: Duration) -> bool {
        self.orders.close.store(true, Ordering::Release);
        self.look();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
    }

    /// The count of lines that were not written.
    pub(super) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.orders.dropped)
    }

    /// A thread that is gone or busy needs no call.
    fn look(&self) {
        drop(self.queue.try_send(Message::Look));
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

fn fresh_block() -> Vec<u8> {
    Vec::with_capacity(BLOCK + SLACK)
}

/// One worker's end of the access log. What it holds when dropped is handed over.
pub struct AccessWriter {
    lines: Lines,
    block: Vec<u8>,
    queue: SyncSender<Message>,
    home: SyncSender<Vec<u8>>,
    spare: Receiver<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl AccessWriter {
    /// Adds a line, and hands over when enough have gathered. Does not wait.
    pub fn write(&mut self, entry: &Entry<'_>) {
        self.lines.write(&mut self.block, entry);
        if self.block.len() >= BLOCK {
            self.flush();
        }
    }

    /// Hands over what has gathered; for a regular tick, so that no line stays behind for long.
    pub fn flush(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let next = self.spare.try_recv().unwrap_or_else(|_| fresh_block());
        let bytes = std::mem::replace(&mut self.block, next);
        let block = Block { bytes, home: self.home.clone() };
        if let Err(TrySendError::Full(refused) | TrySendError::Disconnected(refused)) =
            self.queue.try_send(Message::Block(block))
        {
            self.drop_lines(refused);
        }
    }

    fn drop_lines(&mut self, refused: Message) {
        if let Message::Block(Block { mut bytes, .. }) = refused {
            self.dropped.fetch_add(lines_in(&bytes), Ordering::Relaxed);
            bytes.clear();
            let spare = std::mem::replace(&mut self.block, bytes);
            drop(self.home.try_send(spare));
        }
    }
}

impl Drop for AccessWriter {
    fn drop(&mut self) {
        self.flush();
    }
}

fn lines_in(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// The thread's side.
struct Writer {
    out: Box<dyn Write + Send>,
    /// The last write ended within a line.
    torn: bool,
    failing: bool,
    orders: Arc<Orders>,
}

impl Writer {
    /// Until the log is closed and nothing waits, or nobody is left to send.
    fn run(mut self, queue: Receiver<Message>) {
        loop {
            let message = match queue.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) if self.orders.close.load(Ordering::Acquire) => return,
                Err(TryRecvError::Empty) => match queue.recv() {
                    Ok(message) => message,
                    Err(_) => return,
                },
            };
            self.take_file();
            if let Message::Block(block) = message {
                self.put(block);
            }
        }
    }

    fn take_file(&mut self) {
        if let Some(file) = self.orders.file.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.out = Box::new(file);
            self.torn = false;
        }
    }

    fn put(&mut self, block: Block) {
        let Block { mut bytes, home } = block;
        match self.write(&bytes) {
            Ok(()) => self.failing = false,
            Err((written, error)) => {
                let lost = lines_in(&bytes[written..]);
                self.orders.dropped.fetch_add(lost, Ordering::Relaxed);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, lost, "the access log cannot be written; lines are dropped");
                }
            }
        }
        bytes.clear();
        // A worker that is gone, or has enough, wants none back.
        drop(home.try_send(bytes));
    }

    /// On an error, how many bytes had gone out before it.
    fn write(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        if self.torn {
            self.out.write_all(b"\n").map_err(|error| (0, error))?;
            self.torn = false;
        }
        let mut written = 0;
        while written < bytes.len() {
            match self.out.write(&bytes[written..]) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    written += count;
                    self.torn = bytes[written - 1] != b'\n';
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        self.out.flush().map_err(|error| (written, error))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::SocketAddr;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn entry(path: &str) -> Entry<'_> {
        Entry {
            time_millis: 1_767_323_045_678,
            request_id: "id",
            peer: SocketAddr::from(([192, 0, 2, 7], 40_001)),
            listener: "default",
            method: "GET",
            host: b"acme.example.com",
            path: path.as_bytes(),
            version: "HTTP/2",
            service: "metrics",
            tenant: "acme",
            key: "",
            status: 200,
            reason: "",
            upstream: "127.0.0.1:9009",
            bytes_in: 0,
            bytes_out: 1024,
            duration_us: 900,
            overhead_us: 30,
            upstream_us: 870,
            user_agent: b"curl/7.88.1",
        }
    }

    fn dropped(log: &AccessLog) -> u64 {
        log.dropped().load(Ordering::Relaxed)
    }

    #[test]
    fn lines_of_all_workers_are_written_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("access.log");
        let log = AccessLog::open(Sink::File(path.clone()), Format::Json).expect("opens");
        thread::scope(|scope| {
            for worker in 0..3 {
                let mut writer = log.worker();
                scope.spawn(move || {
                    for number in 0..500 {
                        writer.write(&entry(&format!("/{worker}/{number}")));
                    }
                });
            }
        });
        assert!(log.close(LONG));
        assert_eq!(dropped(&log), 0);
        let text = fs::read_to_string(&path).expect("written");
        let mut paths: Vec<String> = text
            .lines()
            .map(|line| {
                let read: serde_json::Value = serde_json::from_str(line).expect("JSON");
                read["path"].as_str().expect("text").to_owned()
            })
            .collect();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), 1500);
    }

    #[test]
    fn a_rotated_file_is_opened_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, moved) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
        let log = AccessLog::open(Sink::File(path.clone()), Format::Logfmt).expect("opens");
        fs::rename(&path, &moved).expect("moves");
        log.reopen().expect("opens again");
        let mut writer = log.worker();
        writer.write(&entry("/after"));
        drop(writer);
        assert!(log.close(LONG));
        assert_eq!(fs::read_to_string(&moved).expect("kept"), "");
        assert!(fs::read_to_string(&path).expect("new").contains("path=/after "));
    }

    #[test]
    fn a_sink_that_cannot_be_opened_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("none").join("access.log");
        assert!(AccessLog::open(Sink::File(path), Format::Json).is_err());
    }

    /// Says that a write has begun, then waits until it may end.
    struct Stalled {
        begun: Sender<()>,
        go_on: Receiver<()>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            let _ = self.go_on.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_sink_drops_lines_and_holds_nobody_up() {
        let (begun, has_begun) = channel();
        let (let_go, go_on) = channel();
        let out = Box::new(Stalled { begun, go_on });
        let log = AccessLog::start(Sink::Stdout, Format::Logfmt, out).expect("starts");
        let mut writer = log.worker();
        let mut line = || {
            writer.write(&entry("/"));
            writer.flush();
        };
        line();
        has_begun.recv().expect("the thread is in its write");
        (0..QUEUE).for_each(|_| line());
        assert_eq!(dropped(&log), 0);
        line();
        line();
        assert_eq!(dropped(&log), 2);
        assert!(!log.close(Duration::from_millis(1)), "the wait is bounded");
        drop(let_go);
        assert!(log.close(LONG));
        assert_eq!(has_begun.iter().count(), QUEUE, "what was queued is written before the end");
        line();
        assert_eq!(dropped(&log), 3, "a closed log takes nothing");
    }

    /// Takes `room` bytes, then fails until there is room again.
    #[derive(Clone, Default)]
    struct Full {
        room: Arc<Mutex<usize>>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut room = self.room.lock().expect("whole");
            let count = bytes.len().min(*room);
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            *room -= count;
            self.taken.lock().expect("whole").extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_tears_no_line_but_its_own() {
        let disk = Full { room: Arc::new(Mutex::new(10)), ..Full::default() };
        let orders = Arc::new(Orders::default());
        let out = Box::new(disk.clone());
        let mut writer = Writer { out, torn: false, failing: false, orders: Arc::clone(&orders) };
        let (home, spare) = sync_channel(1);
        let block = |text: &str| Block { bytes: text.as_bytes().to_vec(), home: home.clone() };
        writer.put(block("one\ntwo\nthree\nfour\n"));
        assert_eq!(orders.dropped.load(Ordering::Relaxed), 2);
        assert!(spare.try_recv().expect("the buffer comes back").is_empty());
        *disk.room.lock().expect("whole") = 100;
        writer.put(block("five\n"));
        assert_eq!(&**disk.taken.lock().expect("whole"), b"one\ntwo\nth\nfive\n");
    }
}

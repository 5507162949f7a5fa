//! The open state: who may write, how readers get a connection, how it closes.
//! The operations themselves live beside it, one matter a file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;

use crate::{
    apply,
    commit::{Commit, Committed, Prepared},
    connect,
    durability::{self, Log},
    error::StateError,
    id::SyncId,
    lock::OwnerLock,
    place::HashKey,
    queue::Queue,
    schema::Found,
    writer::{self, Job, in_transaction},
};

/// Bounds and tuning of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The largest commit taken, encoded.
    pub commit_bytes_max: usize,
    /// Commits waiting for the writer; whoever commits beyond it waits.
    pub queue_bytes_max: usize,
    /// Page cache of the writer, and of each reader.
    pub writer_cache_bytes: u64,
    pub reader_cache_bytes: u64,
    /// Readers at a time; whoever reads beyond it waits.
    pub readers_max: usize,
    /// How much of the file is mapped for reading; mapped pages count as this process's memory.
    pub mmap_bytes: u64,
    /// Page size of a new file: a power of two, 512 to 65536.
    pub page_bytes: u32,
    /// Pages in the log after which it is moved into the file.
    pub log_pages: u64,
    /// The log file is cut back to this size when it starts anew.
    pub log_bytes_kept: u64,
    /// How often the log is synced to disk.
    pub sync_every: Duration,
    /// Files up to this size are checked as a whole when opened.
    pub check_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            commit_bytes_max: 64 << 20,
            queue_bytes_max: 32 << 20,
            writer_cache_bytes: 40 << 20,
            reader_cache_bytes: 4 << 20,
            readers_max: 4,
            mmap_bytes: 0,
            page_bytes: 4096,
            log_pages: 20_000,
            log_bytes_kept: 128 << 20,
            sync_every: Duration::from_secs(1),
            check_bytes_max: 64 << 20,
        }
    }
}

/// What Lockstep remembers. Cheap to clone; the last clone to go closes it:
/// queued commits are still made, then the log is synced.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) hash: HashKey,
    pub(crate) options: Options,
    backing: Backing,
}

enum Backing {
    File(FileBacking),
    Memory(MemoryBacking),
}

/// One connection, used in turn; commits are made by whoever asks.
struct MemoryBacking {
    conn: Mutex<Connection>,
    /// By sync, the last commit that would survive a power cut; `None`: every one.
    safe: Mutex<Option<BTreeMap<SyncId, u64>>>,
}

struct FileBacking {
    path: PathBuf,
    readers: Readers,
    writing: Option<Writing>,
}

struct Writing {
    queue: Arc<Queue<Job>>,
    log: Arc<Log>,
    threads: Vec<JoinHandle<()>>,
    _lock: OwnerLock,
}

impl Store {
    /// Opens a state file for its one owner, creating or migrating it.
    ///
    /// # Errors
    /// Another process owns it, it is no state file, it is damaged, from a newer
    /// version, or cannot be written.
    pub fn open(path: &Path, options: &Options) -> Result<Self, StateError> {
        let lock = OwnerLock::take(path)?;
        let conn = connect::writer(path, options)?;
        let hash = read_hash_key(&conn)?;
        let log_conn = connect::log_keeper(path)?;
        let queue = Arc::new(Queue::new(options.queue_bytes_max));
        let log = Arc::new(Log::new(options.log_pages));
        let writer = writer::start(conn, hash, Arc::clone(&queue), Arc::clone(&log))?;
        let mut writing = Writing { queue, log: Arc::clone(&log), threads: vec![writer], _lock: lock };
        let log_path = beside(path, "-wal");
        match durability::start(log_conn, log_path, log, options.sync_every) {
            Ok(keeper) => writing.threads.push(keeper),
            Err(error) => {
                writing.close();
                return Err(error);
            }
        }
        Ok(Self::over_file(path, options, hash, Some(writing)))
    }

    /// Opens a state file for reading, beside its owner if there is one.
    pub fn open_read_only(path: &Path, options: &Options) -> Result<Self, StateError> {
        let conn = connect::reader(path, options)?;
        match connect::inspect(&conn, path)? {
            Found::Empty => {
                return Err(StateError::NotAState { path: path.to_owned(), reason: "it is empty".to_owned() });
            }
            Found::Version(version) if version < crate::schema::SCHEMA_VERSION => {
                return Err(StateError::NotAState {
                    path: path.to_owned(),
                    reason: format!("it is of version {version}; `lockstep run` upgrades it"),
                });
            }
            Found::Version(_) => {}
        }
        let hash = read_hash_key(&conn)?;
        Ok(Self::over_file(path, options, hash, None))
    }

    /// An empty state that lives in memory: for simulation and tests. Commits are
    /// made at once by the thread that asks; equal calls leave equal states.
    pub fn in_memory() -> Result<Self, StateError> {
        let secret = *b"lockstep-memory!";
        let conn = connect::memory(secret)?;
        Ok(Self::over_memory(conn, HashKey::new(secret)))
    }

    pub(crate) fn over_memory(conn: Connection, hash: HashKey) -> Self {
        let backing = Backing::Memory(MemoryBacking { conn: Mutex::new(conn), safe: Mutex::default() });
        Store { inner: Arc::new(Inner { hash, options: Options::default(), backing }) }
    }

    fn over_file(path: &Path, options: &Options, hash: HashKey, writing: Option<Writing>) -> Self {
        Store {
            inner: Arc::new(Inner {
                hash,
                options: options.clone(),
                backing: Backing::File(FileBacking {
                    path: path.to_owned(),
                    readers: Readers::new(options.readers_max),
                    writing,
                }),
            }),
        }
    }

    /// The state file; `None` in memory.
    pub fn path(&self) -> Option<&Path> {
        match &self.inner.backing {
            Backing::File(file) => Some(&file.path),
            Backing::Memory(_) => None,
        }
    }

    /// Queues a commit; waits only while the queue is full. `done` is called once,
    /// on the writer's thread (in memory: before this returns), and must not block.
    /// Commits of one sync are made in the order of their calls.
    pub fn commit(&self, commit: Commit, done: Box<dyn FnOnce(Result<Committed, StateError>) + Send>) {
        let max = self.inner.options.commit_bytes_max;
        let prepared = match Prepared::new(commit, &self.inner.hash, max) {
            Ok(prepared) => prepared,
            Err(error) => return done(Err(error)),
        };
        match &self.inner.backing {
            Backing::Memory(_) => {
                let hash = self.inner.hash;
                let made = self.write_here(|conn| in_transaction(conn, |tx| apply::apply(tx, &hash, &prepared)));
                done(made);
            }
            Backing::File(file) => {
                let Some(writing) = &file.writing else {
                    return done(Err(self.read_only()));
                };
                let bytes = prepared.bytes;
                let job = Job::Commit(Box::new(prepared), done);
                if let Err(Job::Commit(_, done)) = writing.queue.put(job, bytes) {
                    done(Err(StateError::Closed));
                }
            }
        }
    }

    /// Commits and waits for it.
    pub fn commit_blocking(&self, commit: Commit) -> Result<Committed, StateError> {
        let (tell, told) = mpsc::sync_channel(1);
        self.commit(
            commit,
            Box::new(move |made| {
                let _ = tell.send(made);
            }),
        );
        told.recv().unwrap_or(Err(StateError::Closed))
    }

    /// Per sync, the last commit that survives a power cut. Covers syncs claimed
    /// since the state was opened. In memory every commit counts.
    pub fn durable(&self) -> BTreeMap<SyncId, u64> {
        match &self.inner.backing {
            Backing::File(file) => file.writing.as_ref().map(|writing| writing.log.durable()).unwrap_or_default(),
            Backing::Memory(memory) => {
                let safe = memory.safe.lock().unwrap_or_else(PoisonError::into_inner).clone();
                safe.unwrap_or_else(|| self.committed())
            }
        }
    }

    /// Asks for what is committed to be made safe now rather than within a second.
    pub fn sync_soon(&self) {
        if let Backing::File(file) = &self.inner.backing
            && let Some(writing) = &file.writing
        {
            writing.log.sync_soon();
        }
    }

    fn committed(&self) -> BTreeMap<SyncId, u64> {
        self.read(|conn| {
            let mut query = conn.prepare_cached("SELECT id, commit_seq FROM sync")?;
            let rows = query.query_map([], |row| Ok((SyncId(row.get(0)?), row.get::<_, i64>(1)? as u64)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .unwrap_or_default()
    }

    /// For simulations of a power cut, in memory: from now on only what is committed
    /// at this moment counts as safe, until this is called again. Gives that state,
    /// to go on from after the cut.
    pub fn sync_point(&self) -> Result<Store, StateError> {
        let copy = self.fork()?;
        if let Backing::Memory(memory) = &self.inner.backing {
            *memory.safe.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy.committed());
        }
        Ok(copy)
    }

    /// Ends what [`Store::sync_point`] began: every commit counts as safe again.
    pub fn sync_always(&self) {
        if let Backing::Memory(memory) = &self.inner.backing {
            *memory.safe.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn read_only(&self) -> StateError {
        StateError::ReadOnly {
            path: self.path().unwrap_or(Path::new("")).to_owned(),
            reason: "it was opened for reading".to_owned(),
        }
    }

    /// Reads in one snapshot.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StateError>) -> Result<T, StateError> {
        match &self.inner.backing {
            Backing::Memory(memory) => {
                let conn = memory.conn.lock().unwrap_or_else(PoisonError::into_inner);
                work(&conn)
            }
            Backing::File(file) => {
                let conn = file.readers.take(&file.path, &self.inner.options)?;
                let tx = conn.get()?.unchecked_transaction()?;
                work(&tx)
            }
        }
    }

    /// A change by the store itself, in a transaction of its own, behind what is queued.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.outside(move |conn| in_transaction(conn, work))
    }

    /// Something on the writer's connection, between transactions.
    pub(crate) fn outside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let file = match &self.inner.backing {
            Backing::Memory(_) => return self.write_here(work),
            Backing::File(file) => file,
        };
        let Some(writing) = &file.writing else {
            return Err(self.read_only());
        };
        let (tell, told) = mpsc::sync_channel(1);
        let job = Job::Alone(Box::new(move |conn| {
            let _ = tell.send(work(conn));
        }));
        if writing.queue.put(job, 0).is_err() {
            return Err(StateError::Closed);
        }
        told.recv().unwrap_or(Err(StateError::Closed))
    }

    fn write_here<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StateError>) -> Result<T, StateError> {
        match &self.inner.backing {
            Backing::Memory(memory) => {
                let mut conn = memory.conn.lock().unwrap_or_else(PoisonError::into_inner);
                work(&mut conn)
            }
            Backing::File(_) => Err(self.read_only()),
        }
    }

    /// A sync was claimed: its commits are followed until they are on disk.
    pub(crate) fn follow(&self, sync: SyncId, seq: u64) {
        if let Backing::File(file) = &self.inner.backing
            && let Some(writing) = &file.writing
        {
            writing.log.begin(sync, seq);
        }
    }
}

impl Writing {
    fn close(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // The last clone of the store may go with a commit's answer, on the writer itself.
            if thread.thread().id() == std::thread::current().id() {
                continue;
            }
            let _ = thread.join();
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.close();
    }
}

/// Read connections, opened as needed up to a bound and kept.
struct Readers {
    held: Mutex<(Vec<Connection>, usize)>,
    returned: Condvar,
    max: usize,
}

impl Readers {
    fn new(max: usize) -> Self {
        Readers { held: Mutex::new((Vec::new(), 0)), returned: Condvar::new(), max: max.max(1) }
    }

    fn take(&self, path: &Path, options: &Options) -> Result<Reader<'_>, StateError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(conn) = held.0.pop() {
                return Ok(Reader { conn: Some(conn), of: self });
            }
            if held.1 < self.max {
                held.1 += 1;
                break;
            }
            held = self.returned.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        drop(held);
        let mut reader = Reader { conn: None, of: self };
        reader.conn = Some(connect::reader(path, options)?);
        Ok(reader)
    }
}

/// A read connection on loan: it goes back when this is dropped.
struct Reader<'a> {
    conn: Option<Connection>,
    of: &'a Readers,
}

impl Reader<'_> {
    fn get(&self) -> Result<&Connection, StateError> {
        self.conn.as_ref().ok_or(StateError::Closed)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut held = self.of.held.lock().unwrap_or_else(PoisonError::into_inner);
        match self.conn.take() {
            Some(conn) => held.0.push(conn),
            // It could not be opened.
            None => held.1 = held.1.saturating_sub(1),
        }
        self.of.returned.notify_one();
    }
}

fn read_hash_key(conn: &Connection) -> Result<HashKey, StateError> {
    let bytes: [u8; 16] = conn.query_row("SELECT hash_key FROM store WHERE id = 1", [], |row| row.get(0))?;
    Ok(HashKey::new(bytes))
}

/// The path of a companion of the state file.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

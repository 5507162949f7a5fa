//! The socket beside the state file: who may connect, and how a stale one goes.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{Router, serve::Listener};
use tokio::net::{UnixListener, UnixStream, unix::SocketAddr};

/// Bytes a socket's path may have on every system we run on.
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// Between two attempts to accept when the system is out of something.
const ACCEPT_RETRY_MS: u64 = 100;

/// How long open requests may take to end at a stop.
const DRAIN_MS: u64 = 3_000;

/// Where the socket of a state file is: `FILE.sock`, or, when that would be too
/// long for a socket, a name in the temporary folder that follows from it.
pub fn path_of(state: &Path) -> PathBuf {
    let mut beside = state.as_os_str().to_owned();
    beside.push(".sock");
    if beside.len() <= SOCKET_PATH_BYTES_MAX {
        return PathBuf::from(beside);
    }
    let mut hasher = DefaultHasher::new();
    std::path::absolute(state).unwrap_or_else(|_| state.to_path_buf()).hash(&mut hasher);
    std::env::temp_dir().join(format!("lockstep-{:016x}.sock", hasher.finish()))
}

/// Whether something answers at the socket of this state file.
pub async fn is_alive(state: &Path) -> bool {
    UnixStream::connect(path_of(state)).await.is_ok()
}

/// A bound socket that only its owner may use. The file goes with it.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

/// Binds the socket of a state file, replacing one that nobody answers.
/// The caller holds the state file's lock, so nobody else can be starting.
pub async fn bind(state: &Path) -> io::Result<Socket> {
    let path = path_of(state);
    if is_alive(state).await {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("another Lockstep answers at {}", path.display()),
        ));
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let owner = fs::metadata(&path)?.uid();
    Ok(Socket { listener, path, owner })
}

impl Socket {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Listener for Socket {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.listener.accept().await {
                // The mode is set a moment after binding; the peer's user is
                // checked so that the moment does not matter.
                Ok((stream, address)) => match stream.peer_cred() {
                    Ok(peer) if peer.uid() == self.owner || peer.uid() == 0 => {
                        return (stream, address);
                    }
                    Ok(peer) => tracing::warn!(uid = peer.uid(), "another user was turned away"),
                    Err(error) => tracing::warn!(%error, "a peer without a user was turned away"),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the control socket");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Serves until `stop`, then lets open requests end, for a bounded time.
pub async fn serve(socket: Socket, router: Router, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let (stopped, draining) = tokio::sync::oneshot::channel();
    let served = axum::serve(socket, router).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopped.send(());
    });
    tokio::select! {
        done = served => done,
        () = async {
            if draining.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(DRAIN_MS)).await;
        } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_stands_beside_its_state_file_unless_the_path_is_too_long() {
        assert_eq!(path_of(Path::new("a/lockstep.db")), Path::new("a/lockstep.db.sock"));
        let deep = PathBuf::from("x".repeat(200)).join("lockstep.db");
        let moved = path_of(&deep);
        assert!(moved.as_os_str().len() <= SOCKET_PATH_BYTES_MAX);
        assert_eq!(moved, path_of(&deep));
    }

    #[tokio::test]
    async fn only_the_owner_may_use_it_and_a_stale_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("s.db");
        drop(std::os::unix::net::UnixListener::bind(path_of(&state)).unwrap());
        assert!(path_of(&state).exists());
        let socket = bind(&state).await.unwrap();
        let mode = fs::metadata(socket.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(bind(&state).await.is_err());
        drop(socket);
        assert!(!is_alive(&state).await);
        assert!(!path_of(&state).exists());
    }
}

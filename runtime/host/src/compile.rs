//! Compiling a component in a process of its own, which may take so much memory and
//! so much time and no more: what a stranger wrote can be made to cost the compiler a lot.
//!
//! The other process is told nothing and asked nothing but this: bytes of a component in,
//! machine code out, over its pipes. Which program it is says the embedding binary; that
//! program calls [`compile_child`].

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::{error::HostError, limits::LoadLimits, lines::printable, machine::Purpose};

/// The program that compiles: the embedding binary again, as a rule.
#[derive(Clone, Debug)]
pub struct Compiler {
    pub program: PathBuf,
    /// What makes it call [`compile_child`]. Three words are added: bytes of memory and seconds of
    /// processor time that it may take, and what the code is for.
    pub arguments: Vec<OsString>,
}

/// Words of the other process that are kept.
const WORDS_BYTES_MAX: u64 = 4 * 1024;
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

impl Compiler {
    /// The machine code of a component.
    pub(crate) fn compile(&self, bytes: &[u8], purpose: Purpose, limits: &LoadLimits) -> Result<Vec<u8>, HostError> {
        let failed = |reason: String| HostError::Compile { reason };
        // All processors may work on it at once.
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let seconds = limits.compile_ms_max.div_ceil(1000).max(1) * cores;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg(limits.compile_memory_bytes_max.to_string())
            .arg(seconds.to_string())
            .arg(purpose.name())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("{} cannot be started: {error}", self.program.display())))?;
        let result = self.converse(&mut child, bytes, limits);
        let _ = child.kill();
        let _ = child.wait();
        result
    }

    fn converse(&self, child: &mut Child, bytes: &[u8], limits: &LoadLimits) -> Result<Vec<u8>, HostError> {
        let failed = |reason: String| HostError::Compile { reason };
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(failed("the compiler has no pipes".into()));
        };
        let until = Instant::now() + Duration::from_millis(limits.compile_ms_max);
        let code_bytes_max = limits.compiled_bytes_max;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // Where it is gone already, its end says why.
                let _ = stdin.write_all(bytes);
            });
            let words = scope.spawn(move || read(stderr, WORDS_BYTES_MAX));
            let (give, code) = mpsc::channel();
            scope.spawn(move || give.send(read(stdout, code_bytes_max + 1)));
            let ended = wait(child, until);
            // Whatever still runs is ended, so that its pipes end too.
            let _ = child.kill();
            let words = words.join().map_err(|_| failed("its words could not be read".into()))?;
            let code = code.recv().map_err(|_| failed("its answer could not be read".into()))?;
            match ended {
                None => Err(HostError::CompileBound {
                    bound: "compile_timeout",
                    reason: format!("it took longer than {} ms", limits.compile_ms_max),
                }),
                Some(Ok(_)) if code.len() as u64 > code_bytes_max => Err(HostError::CompileBound {
                    bound: "compiled_bytes",
                    reason: format!("it became more than {code_bytes_max} bytes of machine code"),
                }),
                Some(Ok(status)) if status.success() => Ok(code),
                Some(Ok(status)) => Err(why(status, &words)),
                Some(Err(error)) => Err(failed(error.to_string())),
            }
        })
    }
}

/// How the other process ended; `None` when it did not in time.
fn wait(child: &mut Child, until: Instant) -> Option<io::Result<std::process::ExitStatus>> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(Ok(status)),
            Ok(None) if Instant::now() >= until => return None,
            Ok(None) => std::thread::sleep(LOOK),
            Err(error) => return Some(Err(error)),
        }
    }
}

fn read(pipe: impl Read, bytes_max: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = pipe.take(bytes_max).read_to_end(&mut bytes);
    bytes
}

/// Its own words where it ended in order; else a signal ended it, which is what the operating
/// system and the allocator answer a bound with.
fn why(status: std::process::ExitStatus, words: &[u8]) -> HostError {
    let words = printable(String::from_utf8_lossy(words).trim(), 500);
    let is_memory = ["memory allocation", "out of memory", "Cannot allocate", "failed to allocate"];
    if is_memory.iter().any(|part| words.contains(part)) {
        return HostError::CompileBound { bound: "compile_memory", reason: words };
    }
    match status.code() {
        Some(_) => HostError::Compile { reason: words },
        None if signal(status) == Some(CPU_SIGNAL) => {
            HostError::CompileBound { bound: "compile_timeout", reason: "it used all the processor time it may".into() }
        }
        None => HostError::CompileBound {
            bound: "compile_memory",
            reason: format!("the process that compiles was ended by {status}"),
        },
    }
}

/// SIGXCPU.
const CPU_SIGNAL: i32 = 24;

#[cfg(unix)]
fn signal(status: std::process::ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: std::process::ExitStatus) -> Option<i32> {
    None
}

/// The other process' work: bounds itself, reads a component from `input` and writes its machine
/// code to `output`.
///
/// # Errors
/// Words about why there is no code.
pub fn compile_child(
    memory_bytes_max: u64,
    processor_seconds_max: u64,
    purpose: &str,
    mut input: impl Read,
    mut output: impl Write,
) -> Result<(), String> {
    bound(memory_bytes_max, processor_seconds_max)?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| format!("reading the component: {error}"))?;
    let purpose = Purpose::named(purpose).ok_or("nobody knows what the code is for")?;
    let engine = purpose.engine().map_err(|error| format!("{error:#}"))?;
    let code = engine.precompile_component(&bytes).map_err(|error| format!("{error:#}"))?;
    output.write_all(&code).and_then(|()| output.flush()).map_err(|error| format!("writing the code: {error}"))
}

#[cfg(unix)]
fn bound(memory_bytes_max: u64, processor_seconds_max: u64) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, nice, setrlimit};
    let exactly = |most| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::As, exactly(memory_bytes_max)).map_err(|error| format!("bounding memory: {error}"))?;
    // At the first the process is told why it ends.
    let seconds = Rlimit { current: Some(processor_seconds_max), maximum: Some(processor_seconds_max + 5) };
    setrlimit(Resource::Cpu, seconds).map_err(|error| format!("bounding time: {error}"))?;
    setrlimit(Resource::Core, exactly(0)).map_err(|error| format!("bounding core files: {error}"))?;
    // Others go first; that it may not matters little.
    let _ = nice(10);
    Ok(())
}

#[cfg(not(unix))]
fn bound(_: u64, _: u64) -> Result<(), String> {
    Ok(())
}

//! Opening a connection: encryption, parameters, log-in.

use crate::config::{Config, SslMode};
use crate::failure::{Failure, Result};
use crate::platform::{Platform, Stream, Verify, Wait};

use super::frame::{put, put_text};

const PROTOCOL_3: u32 = 196_608;
const SSL_REQUEST: u32 = 80_877_103;

/// Connect and, as `sslmode` asks, encrypt. libpq's meanings: `prefer` encrypts
/// without checking and falls back to plain; `require` encrypts without
/// checking; `verify-ca` and `verify-full` check.
pub fn open_stream(platform: &dyn Platform, config: &Config) -> Result<Box<dyn Stream>> {
    let timeout_ms = config.connect_timeout_ms;
    let mut stream = platform
        .connect(&config.host, config.port, timeout_ms)
        .map_err(|error| Failure::Unreachable(error.to_string()))?;
    let verify = match config.sslmode {
        SslMode::Disable => return Ok(stream),
        SslMode::Prefer | SslMode::Require => Verify::None,
        SslMode::VerifyCa => Verify::Ca,
        SslMode::VerifyFull => Verify::Full,
    };
    let mut request = Vec::new();
    put(&mut request, 0, |out| {
        out.extend_from_slice(&SSL_REQUEST.to_be_bytes());
    });
    stream.write(&request)?;
    let mut answer = Vec::new();
    stream.read(&mut answer, Wait::Millis(timeout_ms))?;
    match answer.as_slice() {
        b"S" => {
            let upgraded = platform.start_tls(stream, &config.host, verify);
            match upgraded {
                Ok(stream) => Ok(stream),
                Err(_) if config.sslmode == SslMode::Prefer => platform
                    .connect(&config.host, config.port, timeout_ms)
                    .map_err(|error| Failure::Unreachable(error.to_string())),
                Err(error) => Err(Failure::Unreachable(format!("TLS: {error}"))),
            }
        }
        b"N" if config.sslmode == SslMode::Prefer => Ok(stream),
        b"N" => Err(Failure::Config(
            "the server does not offer TLS; set sslmode to disable or enable ssl on the server".into(),
        )),
        b"" => Err(Failure::TimedOut(timeout_ms)),
        // Anything after the one byte would be unencrypted and could have been
        // injected by someone in between (CVE-2021-23222).
        _ => Err(Failure::Protocol("an answer to the TLS request that is neither S nor N".into())),
    }
}

/// The startup message. Every value that crosses does so in these settings'
/// notation, so both the SQL and the replication sessions set them.
pub fn startup_message(config: &Config, replication: bool) -> Vec<u8> {
    let statement_timeout = config.statement_timeout_ms.to_string();
    let lock_timeout = config.lock_timeout_ms.to_string();
    let mut parameters: Vec<(&str, &str)> = vec![
        ("user", &config.user),
        ("database", &config.database),
        ("application_name", &config.application_name),
        ("client_encoding", "UTF8"),
        ("DateStyle", "ISO, YMD"),
        ("IntervalStyle", "postgres"),
        ("TimeZone", "UTC"),
        ("extra_float_digits", "3"),
        ("bytea_output", "hex"),
    ];
    if replication {
        parameters.push(("replication", "database"));
    } else {
        parameters.push(("statement_timeout", &statement_timeout));
        parameters.push(("lock_timeout", &lock_timeout));
        parameters.push(("idle_in_transaction_session_timeout", "0"));
        parameters.push(("jit", "off"));
    }
    let mut message = Vec::new();
    put(&mut message, 0, |out| {
        out.extend_from_slice(&PROTOCOL_3.to_be_bytes());
        for (name, value) in parameters {
            put_text(out, name);
            put_text(out, value);
        }
        out.push(0);
    });
    message
}
